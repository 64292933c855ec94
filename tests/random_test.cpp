// Random numbers: Philox's published answers, the moments of what is drawn from it, and independent streams.
#include "engine/random.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace karyon {
namespace {

using Counter = std::array<std::uint32_t, 4>;

// The known-answer vectors of the Random123 distribution, philox4x32 with 10 rounds.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// A number is a function of seed, purpose, item and position, so a run's streams stay what they are for ever.
TEST(RandomStream, IsPhiloxOverSeedPurposeAndItem) {
  RandomStream stream(0x123456789abcdef0, Purpose::flips, 42);
  const std::array<std::uint32_t, 2> key{0x9abcdef0, 0x12345678};
  for (std::uint32_t block = 0; block < 3; ++block) {
    const Counter expected = philox4x32({block, 0, 42, static_cast<std::uint32_t>(Purpose::flips)}, key);
    for (const std::uint32_t value : expected) EXPECT_EQ(stream.next_u32(), value);
  }
}

TEST(RandomStream, PurposesItemsAndSeedsDoNotMeet) {
  std::set<std::uint32_t> seen;
  std::size_t drawn = 0;
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32}) {
    for (const Purpose purpose : {Purpose::initial_weights, Purpose::split, Purpose::shuffle, Purpose::flips,
                                  Purpose::synthetic, Purpose::bench}) {
      for (const std::uint32_t item : {0U, 1U, 1000U}) {
        RandomStream stream(seed, purpose, item);
        for (int i = 0; i < 8; ++i, ++drawn) seen.insert(stream.next_u32());
      }
    }
  }
  EXPECT_EQ(seen.size(), drawn);  // 432 of 2^32: a chance meeting has probability 2e-5, and the seeds are fixed
}

TEST(RandomStream, NeighboursAreNotCorrelated) {
  constexpr int kCount = 20000;
  RandomStream a(7, Purpose::bench, 0), b(7, Purpose::bench, 1), c(8, Purpose::bench, 0);
  double ab = 0, ac = 0, successive = 0, last = 0;
  for (int i = 0; i < kCount; ++i) {
    const auto x = static_cast<double>(a.normal());
    ab += x * static_cast<double>(b.normal());
    ac += x * static_cast<double>(c.normal());
    successive += x * last;
    last = x;
  }
  const double bound = 4 * std::sqrt(static_cast<double>(kCount));  // four standard deviations
  EXPECT_LT(std::abs(ab), bound);
  EXPECT_LT(std::abs(ac), bound);
  EXPECT_LT(std::abs(successive), bound);
}

TEST(RandomStream, UniformHasItsMomentsAndStaysBelowOne) {
  constexpr int kCount = 100000;
  RandomStream stream(1, Purpose::bench);
  double sum = 0, squares = 0;
  float least = 1, most = 0;
  for (int i = 0; i < kCount; ++i) {
    const float u = stream.uniform();
    least = std::min(least, u);
    most = std::max(most, u);
    sum += static_cast<double>(u);
    squares += static_cast<double>(u) * static_cast<double>(u);
  }
  EXPECT_GE(least, 0.0F);
  EXPECT_LT(most, 1.0F);
  EXPECT_LT(least, 1e-3F);
  EXPECT_GT(most, 0.999F);
  EXPECT_NEAR(sum / kCount, 0.5, 4 * std::sqrt(1.0 / 12 / kCount));
  EXPECT_NEAR(squares / kCount, 1.0 / 3, 4 * std::sqrt(4.0 / 45 / kCount));
  for (int i = 0; i < 1000; ++i) {
    const float u = stream.uniform(-3, 5);
    EXPECT_GE(u, -3.0F);
    EXPECT_LE(u, 5.0F);
  }
}

TEST(RandomStream, NormalHasItsMoments) {
  constexpr int kCount = 100000;
  RandomStream stream(2, Purpose::bench);
  double moments[5] = {};
  int beyond_two = 0;
  for (int i = 0; i < kCount; ++i) {
    const auto x = static_cast<double>(stream.normal());
    ASSERT_TRUE(std::isfinite(x));
    double power = 1;
    for (double& moment : moments) {
      moment += power / kCount;
      power *= x;
    }
    beyond_two += std::abs(x) > 2 ? 1 : 0;
  }
  // Four standard deviations of each mean: the variances of x, x^2, x^3, x^4 are 1, 2, 15, 96.
  const double root = std::sqrt(static_cast<double>(kCount));
  EXPECT_NEAR(moments[1], 0, 4 / root);
  EXPECT_NEAR(moments[2], 1, 4 * std::sqrt(2.0) / root);
  EXPECT_NEAR(moments[3], 0, 4 * std::sqrt(15.0) / root);
  EXPECT_NEAR(moments[4], 3, 4 * std::sqrt(96.0) / root);
  EXPECT_NEAR(static_cast<double>(beyond_two) / kCount, 0.0455, 4 * 0.2084 / root);
}

TEST(RandomStream, BelowIsEvenAndInRange) {
  constexpr int kCount = 70000;
  RandomStream stream(3, Purpose::bench);
  std::vector<int> histogram(7, 0);
  for (int i = 0; i < kCount; ++i) {
    const std::uint32_t value = stream.below(7);
    ASSERT_LT(value, 7U);
    ++histogram[value];
  }
  for (const int count : histogram) EXPECT_NEAR(count, kCount / 7.0, 4 * std::sqrt(kCount / 7.0));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(stream.below(1), 0U);
  // Two thirds of 2^32: without the rejection every even number would come up twice as often as every odd one.
  int even = 0;
  for (int i = 0; i < kCount; ++i) even += stream.below(0xaaaaaaab) % 2 == 0 ? 1 : 0;
  EXPECT_NEAR(even, kCount / 2.0, 4 * std::sqrt(kCount / 4.0));
}

TEST(RandomStream, PermutationHoldsEveryNumberOnce) {
  for (const std::int32_t count : {0, 1, 2, 257}) {
    RandomStream stream(4, Purpose::shuffle);
    std::vector<std::int32_t> order = stream.permutation(count);
    ASSERT_EQ(order.size(), static_cast<std::size_t>(count));
    if (count == 257) {
      EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
    }
    std::sort(order.begin(), order.end());
    for (std::int32_t i = 0; i < count; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  }
}

TEST(RandomStream, EveryPermutationIsAsLikely) {
  constexpr int kCount = 6000;
  std::vector<int> histogram(27, 0);
  for (int item = 0; item < kCount; ++item) {
    const auto order = RandomStream(5, Purpose::shuffle, static_cast<std::uint32_t>(item)).permutation(3);
    std::size_t code = 0;
    for (const std::int32_t value : order) code = code * 3 + static_cast<std::size_t>(value);
    ++histogram[code];
  }
  int kinds = 0;
  for (const int count : histogram) {
    if (count == 0) continue;
    ++kinds;
    EXPECT_NEAR(count, kCount / 6.0, 4 * std::sqrt(kCount * 5 / 36.0));
  }
  EXPECT_EQ(kinds, 6);
}

}  // namespace
}  // namespace karyon
