#include "apps/nuclei/smooth.h"

#include <cmath>
#include <cstddef>
#include <span>

#include "kernels/check.h"

namespace karyon {

namespace {

constexpr float kCutOff = 4;

/// The weights at distances 0, 1, ... from the middle.
std::vector<float> gaussian(float sigma) {
  const int radius = static_cast<int>(kCutOff * sigma + 0.5F);
  std::vector<double> weights;
  double sum = 0;
  for (int i = 0; i <= radius; ++i) {
    weights.push_back(std::exp(-0.5 * i * i / (double{sigma} * double{sigma})));
    sum += (i == 0 ? 1 : 2) * weights.back();
  }
  std::vector<float> result;
  for (const double weight : weights) result.push_back(static_cast<float>(weight / sum));
  return result;
}

/// Where a mirrored line of `size` (d c b a | a b c d | d c b a) has position i.
std::ptrdiff_t mirrored(std::ptrdiff_t i, std::ptrdiff_t size) {
  i %= 2 * size;
  if (i < 0) i += 2 * size;
  return i < size ? i : 2 * size - 1 - i;
}

/// result[j] = the weighted sum of from's lines around line i, for the `size` values j of a line.
void add_lines(std::span<const float> from, std::ptrdiff_t i, std::ptrdiff_t lines, std::size_t size,
               std::span<const float> weights, float* result) {
  const auto line = [&](std::ptrdiff_t k) { return from.data() + static_cast<std::size_t>(mirrored(k, lines)) * size; };
  const float* middle = line(i);
  for (std::size_t j = 0; j < size; ++j) result[j] = weights[0] * middle[j];
  for (std::size_t k = 1; k < weights.size(); ++k) {
    const float *before = line(i - static_cast<std::ptrdiff_t>(k)), *after = line(i + static_cast<std::ptrdiff_t>(k));
    for (std::size_t j = 0; j < size; ++j) result[j] += weights[k] * (before[j] + after[j]);
  }
}

}  // namespace

void smooth(int width, int height, float sigma, std::vector<float>& plane) {
  KARYON_CHECK(plane.size() == static_cast<std::size_t>(width) * static_cast<std::size_t>(height),
               "a plane of height * width");
  if (sigma <= 0 || plane.empty()) return;
  const std::vector<float> weights = gaussian(sigma);
  const auto w = static_cast<std::size_t>(width);
  std::vector<float> down(plane.size()), row;
  for (std::ptrdiff_t y = 0; y < height; ++y) {
    add_lines(plane, y, height, w, weights, &down[static_cast<std::size_t>(y) * w]);
  }
  // Along a row: between mirrored edges the sum has no conditions and runs over vectors.
  const std::size_t margin = weights.size() - 1;
  row.resize(w + 2 * margin);
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y) {
    const float* from = &down[y * w];
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = from[mirrored(static_cast<std::ptrdiff_t>(i) - static_cast<std::ptrdiff_t>(margin), width)];
    }
    float* to = &plane[y * w];
    for (std::size_t x = 0; x < w; ++x) to[x] = weights[0] * row[x + margin];
    for (std::size_t k = 1; k < weights.size(); ++k) {
      for (std::size_t x = 0; x < w; ++x) to[x] += weights[k] * (row[x + margin - k] + row[x + margin + k]);
    }
  }
}

}  // namespace karyon
