#include "apps/nuclei/distance.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/check.h"

namespace karyon {

namespace {

constexpr std::int32_t kNone = std::numeric_limits<std::int32_t>::max();

std::int32_t one_more(std::int32_t distance) { return distance == kNone ? kNone : distance + 1; }

/// The distance to the nearest background pixel in the same column; kNone where the column has none.
std::vector<std::int32_t> distance_in_column(std::size_t width, std::size_t height,
                                             std::span<const std::uint8_t> mask) {
  std::vector<std::int32_t> distance(mask.size());
  for (std::size_t i = 0; i < mask.size(); ++i) {
    distance[i] = mask[i] == 0 ? 0 : i < width ? kNone : one_more(distance[i - width]);
  }
  for (std::size_t i = width * (height - 1); i-- > 0;) {
    distance[i] = std::min(distance[i], one_more(distance[i + width]));
  }
  return distance;
}

std::int64_t square(std::int64_t x) { return x * x; }

std::int64_t floor_divide(std::int64_t a, std::int64_t positive) {
  return a >= 0 ? a / positive : -((positive - 1 - a) / positive);
}

/// The columns whose background is nearest somewhere in a row, from left to right, and where each begins to be.
struct Envelope {
  struct Part {
    std::int64_t column, begin;
  };
  std::vector<Part> parts;

  void build(std::span<const std::int32_t> in_column) {
    parts.clear();
    const auto width = static_cast<std::int64_t>(in_column.size());
    for (std::int64_t u = 0; u < width; ++u) {
      if (in_column[static_cast<std::size_t>(u)] == kNone) continue;
      std::int64_t begin = 0;
      // Column u is nearer than an earlier column i from x = floor(...) + 1 on.
      while (!parts.empty()) {
        const std::int64_t i = parts.back().column;
        const std::int64_t difference = square(u) - square(i) + square(in_column[static_cast<std::size_t>(u)]) -
                                        square(in_column[static_cast<std::size_t>(i)]);
        begin = floor_divide(difference, 2 * (u - i)) + 1;
        if (begin > parts.back().begin) break;
        parts.pop_back();
        begin = 0;
      }
      if (begin < width) parts.push_back({u, begin});
    }
  }
};

}  // namespace

std::vector<float> distance_to_background(int width, int height, std::span<const std::uint8_t> mask) {
  const auto w = static_cast<std::size_t>(width), h = static_cast<std::size_t>(height);
  KARYON_CHECK(mask.size() == w * h, "a mask of height * width");
  if (mask.empty()) return {};
  const std::vector<std::int32_t> in_column = distance_in_column(w, h, mask);
  std::vector<float> distance(mask.size(), std::numeric_limits<float>::infinity());
  Envelope envelope;
  for (std::size_t y = 0; y < h; ++y) {
    const auto row = std::span(in_column).subspan(y * w, w);
    envelope.build(row);
    for (std::size_t part = 0; part < envelope.parts.size(); ++part) {
      const auto [column, begin] = envelope.parts[part];
      const std::int64_t end =
          part + 1 < envelope.parts.size() ? envelope.parts[part + 1].begin : static_cast<std::int64_t>(w);
      const std::int64_t above = square(row[static_cast<std::size_t>(column)]);
      for (std::int64_t x = begin; x < end; ++x) {
        const auto squared = static_cast<double>(square(x - column) + above);
        distance[y * w + static_cast<std::size_t>(x)] = static_cast<float>(std::sqrt(squared));
      }
    }
  }
  return distance;
}

}  // namespace karyon
