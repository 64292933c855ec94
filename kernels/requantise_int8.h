// From integer sums to the bytes that the next layer reads.
//   y = clamp(round(sum * scale[o] + residual * residual_scale) + zero, low, high)
// computed in float, the two products rounded apart, round to nearest, ties to even; without a residual the second
// product is left out. low and high carry the activation: ReLU is low = zero, ReLU6 also high = zero + round(6 / step).
// Invariant: every variant gives the same bits (compiled without contraction to fused multiply-adds).
#pragma once

#include <cstdint>
#include <span>

namespace karyon {

struct ByteOutput {
  const float* scale = nullptr;  // [outputs rounded up to 16]
  int zero = 0, low = 0, high = 255;
  float residual_scale = 0;
};

/// Rows of sums, one behind the other.
struct SumRows {
  const std::int32_t* sums;
  int rows, columns;                    // columns: a multiple of 16
  const float* scale;                   // [columns]
  const std::uint8_t* const* residual;  // null, or where each row's is
  std::uint8_t* const* y;               // [rows]; may be the residual's
};

struct RequantiseVariant {
  const char* name;
  /// output.scale is not read.
  void (*compute)(const SumRows& rows, const ByteOutput& output);
};

/// What this machine can run, the fastest first; the last one, in plain C++, runs anywhere.
std::span<const RequantiseVariant> requantise_variants();

}  // namespace karyon
