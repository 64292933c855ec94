// Windows along one side of a picture: where they stand and what each pixel of them counts.
#include "apps/inference/tiles.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "kernels/check.h"

namespace karyon {
namespace {

/// Of all windows' weights over each pixel, that of the picture made up to a multiple of 32.
std::vector<float> sums(const TileAxis& axis) {
  std::vector<float> sum(static_cast<std::size_t>(axis.starts.back() + axis.length));
  for (std::size_t k = 0; k < axis.starts.size(); ++k) {
    for (std::size_t i = 0; i < axis.weights[k].size(); ++i) {
      sum.at(static_cast<std::size_t>(axis.starts[k]) + i) += axis.weights[k][i];
    }
  }
  return sum;
}

TEST(Tiles, CoverEverySideInMultiplesOf32WithWeightsOfOne) {
  for (const auto& [tile, overlap] : {std::pair{64, 0}, {64, 32}, {96, 32}, {256, 128}, {512, 128}, {512, 256}}) {
    for (int size = 1; size < 1500; size += 7) {
      const TileAxis axis = plan_axis(size, tile, overlap);
      const int padded = (size + 31) / 32 * 32;
      const auto windows = static_cast<int>(axis.starts.size());
      ASSERT_LE(axis.length, tile);
      ASSERT_EQ(axis.length % 32, 0);
      if (windows > 1) {
        ASSERT_LT((windows - 1) * tile - (windows - 2) * overlap, padded) << "fewer would do";
        ASSERT_LT(windows * (axis.length - 32) - (windows - 1) * overlap, padded) << "shorter ones would do";
      }
      ASSERT_EQ(axis.weights.size(), axis.starts.size());
      ASSERT_EQ(axis.starts.front(), 0);
      ASSERT_EQ(axis.starts.back() + axis.length, padded) << "the last window ends where the made-up side does";
      for (std::size_t k = 0; k < axis.starts.size(); ++k) {
        ASSERT_EQ(axis.starts[k] % 32, 0);
        ASSERT_EQ(axis.weights[k].size(), static_cast<std::size_t>(axis.length));
        ASSERT_GE(*std::ranges::min_element(axis.weights[k]), 0);
        if (k > 0) {
          ASSERT_GT(axis.starts[k], axis.starts[k - 1]);
          ASSERT_LE(axis.starts[k], axis.starts[k - 1] + axis.length - overlap)
              << "neighbours share the overlap at least";
        }
      }
      for (const float sum : sums(axis)) ASSERT_NEAR(sum, 1, 1e-6) << size << ' ' << tile << ' ' << overlap;
    }
  }
}

TEST(Tiles, ASideThatFitsIsOneWindow) {
  for (const int size : {1, 31, 32, 33, 511, 512}) {
    const TileAxis axis = plan_axis(size, 512, 128);
    EXPECT_EQ(axis.starts, std::vector<int>{0}) << size;
    EXPECT_EQ(axis.length, (size + 31) / 32 * 32);
    EXPECT_EQ(axis.weights[0], std::vector<float>(static_cast<std::size_t>(axis.length), 1.0F));
  }
  EXPECT_EQ(plan_axis(513, 512, 128).starts, (std::vector<int>{0, 192}));
  EXPECT_EQ(plan_axis(513, 512, 128).length, 352);
}

TEST(Tiles, WithoutOverlapWindowsLieSideBySide) {
  const TileAxis axis = plan_axis(192, 64, 0);
  EXPECT_EQ(axis.starts, (std::vector<int>{0, 64, 128}));
  for (const std::vector<float>& weights : axis.weights) EXPECT_EQ(weights, std::vector<float>(64, 1.0F));
}

TEST(Tiles, OfTheOverlapTheOuterQuarterCountsForNothingAndTheInnerForAll) {
  const TileAxis two = plan_axis(384, 256, 128);
  ASSERT_EQ(two.starts, (std::vector<int>{0, 128}));
  const std::vector<float>&first = two.weights[0], &second = two.weights[1];
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(second[i], 0);
    EXPECT_EQ(first[i + 128], 1);
    EXPECT_EQ(first[255 - i], 0);
    EXPECT_EQ(second[127 - i], 1);
  }
  for (std::size_t i = 32; i < 96; ++i) EXPECT_GT(second[i], second[i - 1]);
  // At the picture's own edges there is nothing else to count.
  EXPECT_EQ(first[0], 1);
  EXPECT_EQ(second[255], 1);
}

TEST(Tiles, RefuseWhatTheNetworkCannotTake) {
  EXPECT_THROW(plan_axis(0, 64, 32), Error);
  EXPECT_THROW(plan_axis(100, 60, 32), Error);
  EXPECT_THROW(plan_axis(100, 64, 16), Error);
  EXPECT_THROW(plan_axis(100, 64, 64), Error);
}

}  // namespace
}  // namespace karyon
