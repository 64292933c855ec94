#include "kernels/requantise_int8.h"

#include <bit>

#include "kernels/parallel.h"
#include "kernels/simd.h"

namespace karyon {

namespace {

constexpr float kRounding = 12582912.0F;  // 1.5 * 2^23: adding it leaves a float without fraction

/// value in [low, high], which are whole: its byte after rounding, plus zero.
KARYON_INLINE std::uint8_t byte_of(float value, float low, float high, int zero) {
  value = value > low ? value : low;
  value = value < high ? value : high;
  return static_cast<std::uint8_t>(std::bit_cast<std::int32_t>(value + kRounding) + zero);
}

}  // namespace

KARYON_CLONES void requantise_rows(const std::int32_t* sums, int pitch, int rows, int columns, const ByteOutput& output,
                                   const std::uint8_t* const* residual, std::uint8_t* const* y) {
  const float* scale = output.scale;
  const float low = static_cast<float>(output.low - output.zero), high = static_cast<float>(output.high - output.zero);
  const int zero = output.zero;
  const float residual_scale = output.residual_scale;
  for (int r = 0; r < rows; ++r) {
    const std::int32_t* from = sums + static_cast<std::ptrdiff_t>(r) * pitch;
    std::uint8_t* to = y[r];
    if (residual == nullptr) {
      for (int o = 0; o < columns; o += 16) {
#pragma GCC ivdep
        for (int i = 0; i < 16; ++i) {
          to[o + i] = byte_of(static_cast<float>(from[o + i]) * scale[o + i], low, high, zero);
        }
      }
    } else {
      const std::uint8_t* before = residual[r];
      for (int o = 0; o < columns; o += 16) {
#pragma GCC ivdep
        for (int i = 0; i < 16; ++i) {
          const float product = static_cast<float>(from[o + i]) * scale[o + i];
          to[o + i] = byte_of(product + static_cast<float>(before[o + i]) * residual_scale, low, high, zero);
        }
      }
    }
  }
}

}  // namespace karyon
