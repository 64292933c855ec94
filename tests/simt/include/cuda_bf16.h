// Stands in for CUDA's header of this name where kernels are compiled for the SIMT machine: what Karyon uses of it.
// Invariant: rounding is to nearest, ties to even, as the hardware's cvt.rn.bf16.f32; a NaN stays one.
#pragma once

#include <bit>
#include <cstdint>

struct __nv_bfloat16 {  // NOLINT(bugprone-reserved-identifier): CUDA's name
  std::uint16_t bits;
};

inline __nv_bfloat16 __ushort_as_bfloat16(std::uint16_t bits) { return {bits}; }
inline std::uint16_t __bfloat16_as_ushort(__nv_bfloat16 value) { return value.bits; }
inline float __bfloat162float(__nv_bfloat16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}
inline __nv_bfloat16 __float2bfloat16_rn(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return {0x7fff};
  return {static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16)};
}
