// Half precision (IEEE 754 binary16) and float, one number at a time: 11 significant bits, up to 65504.
// Invariant: to_float(to_half(x)) is the half nearest to x, of two equally near the even one; to_float is exact.
#pragma once

#include <cstdint>

namespace karyon {

/// The largest finite number.
constexpr float kLargestHalf = 65504.0F;

/// Beyond the halfway point above kLargestHalf an infinity; a NaN stays one.
std::uint16_t to_half(float value);
float to_float(std::uint16_t half);

}  // namespace karyon
