// Half precision: every half is itself again, and rounding goes to the nearest, of two to the even one.
#include "weights/half.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace karyon {
namespace {

constexpr std::uint32_t kInfinity = 0x7c00;

TEST(Half, EveryHalfIsItselfAgain) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if ((bits & 0x7fffU) > kInfinity) {
      EXPECT_TRUE(std::isnan(to_float(half)) && std::isnan(to_float(to_half(to_float(half)))));
    } else {
      EXPECT_EQ(to_half(to_float(half)), half);
    }
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  for (std::uint32_t bits = 0; bits + 1 < kInfinity; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits), high = static_cast<std::uint16_t>(bits + 1);
    const float middle = (to_float(low) + to_float(high)) / 2;  // exact
    EXPECT_EQ(to_half(middle), bits % 2 == 0 ? low : high) << bits;
    EXPECT_EQ(to_half(std::nextafter(middle, 0.0F)), low) << bits;
    EXPECT_EQ(to_half(-std::nextafter(middle, 1e6F)), high | 0x8000U) << bits;
  }
}

TEST(Half, WhatIsTooLargeIsInfinite) {
  EXPECT_EQ(to_half(kLargestHalf), kInfinity - 1);
  EXPECT_EQ(to_half(65519.99F), kInfinity - 1);
  EXPECT_EQ(to_half(65520.0F), kInfinity);
  EXPECT_EQ(to_half(1e30F), kInfinity);
  EXPECT_EQ(to_half(-std::numeric_limits<float>::infinity()), kInfinity | 0x8000U);
  EXPECT_EQ(to_half(1e-30F), 0U);
}

}  // namespace
}  // namespace karyon
