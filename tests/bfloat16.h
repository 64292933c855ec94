// Bfloat16 on the host: what the tests need to make and to read numbers of that type.
// Invariant: rounding is to nearest, ties to even; a NaN stays one.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/view.h"

namespace karyon::testing {

inline Bfloat16 to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return {0x7fff};
  return {static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16)};
}

inline double to_double(Bfloat16 value) {
  return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16));
}
template <class T>
double to_double(T value) {
  return static_cast<double>(value);
}

}  // namespace karyon::testing
