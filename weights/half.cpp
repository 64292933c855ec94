#include "weights/half.h"

#include <bit>
#include <cmath>
#include <limits>

namespace karyon {

std::uint16_t to_half(float value) {
  constexpr std::uint32_t infinity = 0x7c00;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return static_cast<std::uint16_t>(sign | infinity | 0x200U);  // NaN
  // Below 2^-14 halves are multiples of 2^-24, which nearbyint rounds to as it must (ties to even is its default).
  if (magnitude < 0x38800000U) {
    return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(std::nearbyint(std::fabs(value) * 0x1p24F)));
  }
  if (magnitude >= 0x47800000U) return static_cast<std::uint16_t>(sign | infinity);  // 65536 and more
  // The exponent's bias goes from 127 to 15; 13 bits go, and a carry runs into the exponent as it should.
  const std::uint32_t rebiased = magnitude - (112U << 23);
  return static_cast<std::uint16_t>(sign | ((rebiased + 0xfffU + ((rebiased >> 13) & 1U)) >> 13));
}

float to_float(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int mantissa = half & 1023;
  float magnitude = 0;
  if (exponent == 31) {
    magnitude = mantissa == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(mantissa), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  }
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

}  // namespace karyon
