// From integer sums to the bytes that the next layer reads.
//   y = clamp(round(sum * scale[o] + residual * residual_scale) + zero, low, high)
// computed in float, the two products rounded apart, round to nearest, ties to even; without a residual the second
// product is left out. low and high carry the activation: ReLU is low = zero, ReLU6 also high = zero + round(6 / step).
// Invariant: the same bits on every machine (compiled without contraction to fused multiply-adds).
#pragma once

#include <cstdint>

namespace karyon {

struct ByteOutput {
  const float* scale = nullptr;  // [outputs rounded up to 16]
  int zero = 0, low = 0, high = 255;
  float residual_scale = 0;
};

/// `rows` rows of `columns` (a multiple of 16) sums, `pitch` apart. Row r goes to y[r]; residual: null, or one pointer
/// a row. output.scale is of the first column. y[r] may be residual[r].
void requantise_rows(const std::int32_t* sums, int pitch, int rows, int columns, const ByteOutput& output,
                     const std::uint8_t* const* residual, std::uint8_t* const* y);

}  // namespace karyon
