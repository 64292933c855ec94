// Made-up nuclei: the same whoever makes them, with masks that fit the picture, and back through the Kaggle layout.
#include "apps/data/synthetic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "apps/data/dataset.h"
#include "tests/data_fixtures.h"

namespace karyon {
namespace {

TEST(Synthetic, IsAFunctionOfSeedIndexAndSize) {
  const SyntheticPicture a = make_synthetic_picture(3, 17, 64, 96), b = make_synthetic_picture(3, 17, 64, 96);
  EXPECT_EQ(a.image.pixels, b.image.pixels);
  EXPECT_EQ(a.instances, b.instances);
  EXPECT_EQ(a.image.width, 96);
  EXPECT_EQ(a.image.height, 64);
  EXPECT_NE(a.image.pixels, make_synthetic_picture(4, 17, 64, 96).image.pixels);
  EXPECT_NE(a.image.pixels, make_synthetic_picture(3, 18, 64, 96).image.pixels);
}

TEST(Synthetic, ASetDoesNotDependOnThreadsOrItsLength) {
  const TrainingSet one = make_synthetic_set(5, 12, 48, 48, 1), three = make_synthetic_set(5, 12, 48, 48, 3);
  EXPECT_EQ(one.images, three.images);
  EXPECT_EQ(one.labels, three.labels);
  EXPECT_EQ(one.ids, three.ids);
  EXPECT_EQ(one.sha256, three.sha256);
  EXPECT_EQ(one.ids[7], "synthetic_000007");
  const TrainingSet fewer = make_synthetic_set(5, 4, 48, 48, 2);
  EXPECT_TRUE(std::equal(fewer.images.begin(), fewer.images.end(), one.images.begin()));
  EXPECT_EQ(std::set<std::string>(one.sha256.begin(), one.sha256.end()).size(), 12U);
}

TEST(Synthetic, NucleiAreNumberedOnceAndLargeEnough) {
  for (std::uint32_t index = 0; index < 60; ++index) {
    const SyntheticPicture made = make_synthetic_picture(1, index, 128, 128);
    std::map<std::uint16_t, int> pixels;
    for (const std::uint16_t nucleus : made.instances) ++pixels[nucleus];
    pixels.erase(0);
    ASSERT_EQ(pixels.size(), static_cast<std::size_t>(made.count));
    for (const auto& [nucleus, count] : pixels) {
      EXPECT_LE(nucleus, made.count);
      EXPECT_GE(count, 12);
    }
  }
}

TEST(Synthetic, AllLooksAppearAndSomeNucleiTouch) {
  std::array<int, 3> looks{};
  int touching = 0, empty = 0;
  double foreground = 0;
  constexpr std::uint32_t total = 150;
  for (std::uint32_t index = 0; index < total; ++index) {
    const SyntheticPicture made = make_synthetic_picture(2, index, 128, 128);
    ++looks[static_cast<std::size_t>(made.look)];
    empty += made.count == 0 ? 1 : 0;
    bool touches = false;
    for (std::size_t i = 0; i + 1 < made.instances.size(); ++i) {
      const std::uint16_t here = made.instances[i], next = made.instances[i + 1];
      touches = touches || (i % 128 != 127 && here != 0 && next != 0 && here != next);
      foreground += here != 0 ? 1 : 0;
    }
    touching += touches ? 1 : 0;
  }
  for (const int count : looks) EXPECT_GT(count, 30);
  EXPECT_GT(touching, 75);
  EXPECT_GT(empty, 0);
  EXPECT_LT(empty, 15);
  EXPECT_NEAR(foreground / (total * 128 * 128), 0.2, 0.06);
}

TEST(Synthetic, NucleiDifferFromTheirGroundTheRightWay) {
  std::array<int, 3> checked{};
  for (std::uint32_t index = 0; index < 60; ++index) {
    const SyntheticPicture made = make_synthetic_picture(9, index, 128, 128);
    if (made.count == 0) continue;
    double inside = 0, outside = 0;
    std::int64_t inside_count = 0, outside_count = 0;
    for (std::size_t i = 0; i < made.instances.size(); ++i) {
      const int sum = made.image.pixels[3 * i] + made.image.pixels[3 * i + 1] + made.image.pixels[3 * i + 2];
      (made.instances[i] != 0 ? inside : outside) += sum;
      ++(made.instances[i] != 0 ? inside_count : outside_count);
    }
    const double difference = inside / static_cast<double>(inside_count) - outside / static_cast<double>(outside_count);
    if (made.look == Look::fluorescence) {
      EXPECT_GT(difference, 15) << index;
    } else {
      EXPECT_LT(difference, -15) << index;
    }
    ++checked[static_cast<std::size_t>(made.look)];
  }
  for (const int count : checked) EXPECT_GT(count, 5);
}

TEST(Synthetic, OddSizesWork) {
  for (const auto& [height, width] : {std::pair(1, 1), std::pair(7, 300), std::pair(31, 33), std::pair(320, 256)}) {
    const SyntheticPicture made = make_synthetic_picture(1, 2, height, width);
    EXPECT_EQ(made.instances.size(), made.image.count());
    EXPECT_EQ(made.image.pixels.size(), made.image.count() * 3);
  }
}

TEST(Synthetic, ComesBackFromTheKaggleLayout) {
  const TempDir dir;
  constexpr std::uint32_t total = 5;  // an empty one is among them
  write_synthetic_set(dir / "made", 2, 149, total, 40, 56, 2);
  const Dataset data(std::array{dir / "made"}, Use::training);
  ASSERT_EQ(data.size(), total);
  int empty = 0;
  for (std::uint32_t i = 0; i < total; ++i) {
    const SyntheticPicture made = make_synthetic_picture(2, 149 + i, 40, 56);
    const Example example = data.load_example(i);
    EXPECT_EQ(example.id, "synthetic_000" + std::to_string(149 + i));
    EXPECT_EQ(example.image.narrow, made.image.pixels);
    EXPECT_EQ(example.overlapping_pixels, 0);
    EXPECT_TRUE(example.warnings.empty());
    ASSERT_TRUE(example.nuclei.has_value());
    std::map<std::uint32_t, std::uint32_t> number{{0, 0}};  // of a nucleus here, there: files stand in another order
    for (std::size_t k = 0; k < made.instances.size(); ++k) {
      ASSERT_EQ(number.emplace((*example.nuclei)[k], made.instances[k]).first->second, made.instances[k]);
    }
    EXPECT_EQ(number.size(), static_cast<std::size_t>(made.count) + 1);
    const auto masks = std::filesystem::directory_iterator(dir / "made" / example.id / "masks");
    EXPECT_EQ(std::distance(begin(masks), end(masks)), made.count);
    empty += made.count == 0 ? 1 : 0;
  }
  EXPECT_GT(empty, 0);
  // RGBA, as Kaggle's: colour type 6 in the header.
  EXPECT_EQ(read_file(dir / "made/synthetic_000149/images/synthetic_000149.png")[25], 6);
}

TEST(Synthetic, AFolderThatCannotBeMadeIsNamed) {
  const TempDir dir;
  put(dir / "file", to_bytes("x"));
  expect_error(Exit::cannot_create, "file", [&] { write_synthetic_set(dir / "file", 1, 0, 1, 16, 16, 1); });
}

}  // namespace
}  // namespace karyon
