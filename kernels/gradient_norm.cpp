// The gradients' norm on the CPU.
// Invariant: squares are added over chunks of a fixed number of gradients and the chunks in order, so the thread count
// changes no bit.
#include "kernels/gradient_norm.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/parallel.h"

namespace karyon {

namespace {

constexpr std::int64_t kChunk = 16384;
constexpr int kSums = 8;  // that do not wait for each other

KARYON_CLONES double sum_of_squares(const float* g, std::int64_t count) {
  double sums[kSums] = {};
  const std::int64_t whole = count / kSums * kSums;
  for (std::int64_t i = 0; i < whole; i += kSums) {
    for (int k = 0; k < kSums; ++k) sums[k] += static_cast<double>(g[i + k]) * static_cast<double>(g[i + k]);
  }
  for (std::int64_t i = whole; i < count; ++i) sums[0] += static_cast<double>(g[i]) * static_cast<double>(g[i]);
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

float clip_factor(double norm, double limit) {
  if (!std::isfinite(norm)) return std::numeric_limits<float>::quiet_NaN();
  return norm > limit ? static_cast<float>(limit / norm) : 1.0F;
}

}  // namespace

namespace cpu {

void gradient_norm(Stream& stream, std::int64_t count, const float* g, float limit, GradientNorm* result) {
  const std::int64_t chunks = (count + kChunk - 1) / kChunk;
  auto* partial = stream.workspace<double>(chunks);
  parallel_ranges(stream, chunks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      partial[k] = sum_of_squares(g + k * kChunk, std::min(kChunk, count - k * kChunk));
    }
  });
  double total = 0;
  for (std::int64_t k = 0; k < chunks; ++k) total += partial[k];
  const double norm = std::sqrt(total);
  *result = {norm, clip_factor(norm, static_cast<double>(limit))};
}

}  // namespace cpu

}  // namespace karyon
