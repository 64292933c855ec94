// What training sees of pictures: classes by nuclei, and crops at the pictures' own scale.
#include "apps/data/crops.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "apps/data/class_labels.h"

namespace karyon {
namespace {

using Nuclei = std::vector<std::uint32_t>;
using Labels = std::vector<std::uint8_t>;

Labels classes_of(const Nuclei& nuclei, int height, int width, int classes) {
  Labels labels(nuclei.size(), 9);
  class_labels(nuclei, height, width, classes, labels.data());
  return labels;
}

TEST(ClassLabels, TwoClassesAreNucleusOrNot) {
  EXPECT_EQ(classes_of({0, 7, 1, 0, 0, 70000}, 2, 3, 2), (Labels{0, 1, 1, 0, 0, 1}));
}

TEST(ClassLabels, TheBorderIsTwoPixelsWideInsideEachNucleus) {
  // Two nuclei side by side that touch, columns 1 to 6 and 7 to 12 of 14, rows 1 to 7 of 9.
  Nuclei nuclei(9 * 14);
  for (std::size_t y = 1; y < 8; ++y) {
    for (std::size_t x = 1; x < 13; ++x) nuclei[y * 14 + x] = x < 7 ? 3 : 5;
  }
  Labels expected(nuclei.size());
  for (std::size_t y = 1; y < 8; ++y) {
    for (std::size_t x = 1; x < 13; ++x) {
      const bool inside = y >= 3 && y <= 5 && (x == 3 || x == 4 || x == 9 || x == 10);
      expected[y * 14 + x] = inside ? 1 : 2;
    }
  }
  EXPECT_EQ(classes_of(nuclei, 9, 14, 3), expected);
}

TEST(ClassLabels, ThePicturesEdgeIsNoBorder) {
  const Nuclei all(36, 1);
  EXPECT_EQ(classes_of(all, 6, 6, 3), Labels(36, 1));
}

TEST(ClassLabels, ASmallNucleusKeepsAnInterior) {
  Nuclei nuclei(10 * 10);
  for (std::size_t y = 1; y < 4; ++y) {
    for (std::size_t x = 1; x < 4; ++x) nuclei[y * 10 + x] = 1;
  }
  nuclei[7 * 10 + 7] = nuclei[7 * 10 + 8] = 2;
  Labels expected(nuclei.size());
  for (std::size_t y = 1; y < 4; ++y) {
    for (std::size_t x = 1; x < 4; ++x) expected[y * 10 + x] = x == 2 && y == 2 ? 1 : 2;
  }
  expected[77] = expected[78] = 1;
  EXPECT_EQ(classes_of(nuclei, 10, 10, 3), expected);
}

/// Three pictures of 40 x 24, 5 x 7 and 16 x 16, whose red and green are column and row; labels are odd columns.
TrainingSet originals() {
  TrainingSet set = make_training_set(3, 16, 16);
  for (const auto& [width, height] : {std::pair(40, 24), std::pair(5, 7), std::pair(16, 16)}) {
    Original original;
    original.image = Picture(width, height, 3);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const std::size_t at = static_cast<std::size_t>(y * width + x);
        original.image.pixels[3 * at] = static_cast<std::uint8_t>(x);
        original.image.pixels[3 * at + 1] = static_cast<std::uint8_t>(y);
        original.labels.push_back(static_cast<std::uint8_t>(x % 2));
      }
    }
    set.originals.push_back(std::move(original));
  }
  return set;
}

/// Column and row of the picture that stand at (y, x) of example `index`, whose label must be the same place's.
std::pair<int, int> place(const TrainingSet& set, std::size_t index, int y, int x) {
  const std::size_t at = index * 256 + static_cast<std::size_t>(y * 16 + x);
  EXPECT_EQ(set.labels[at], set.images[3 * at] % 2);
  return {set.images[3 * at], set.images[3 * at + 1]};
}

TEST(Crops, LieAnywhereAtThePicturesOwnScale) {
  TrainingSet set = originals();
  const std::vector<std::int32_t> first{0};
  std::set<int> lefts, tops;
  for (std::uint32_t epoch = 1; epoch <= 300; ++epoch) {
    draw_crops(set, first, 5, epoch);
    const auto [left, top] = place(set, 0, 0, 0);
    for (const auto& [y, x] : {std::pair(15, 15), std::pair(3, 9)}) {
      ASSERT_EQ(place(set, 0, y, x), std::pair(left + x, top + y)) << "epoch " << epoch;
    }
    lefts.insert(left);
    tops.insert(top);
  }
  EXPECT_EQ(lefts.size(), 25U) << "0 to 24, each of them";
  EXPECT_EQ(tops.size(), 9U);
  EXPECT_EQ(*lefts.rbegin(), 24);
  EXPECT_EQ(*tops.rbegin(), 8);
}

TEST(Crops, DependOnSeedEpochAndPlaceAlone) {
  TrainingSet one = originals(), other = originals();
  draw_crops(one, std::vector<std::int32_t>{0, 1, 2}, 5, 7);
  draw_crops(other, std::vector<std::int32_t>{0}, 5, 6);
  EXPECT_NE(one.images, other.images);
  draw_crops(other, std::vector<std::int32_t>{2, 0}, 5, 7);
  draw_crops(other, std::vector<std::int32_t>{1}, 5, 7);
  EXPECT_EQ(one.images, other.images);
  EXPECT_EQ(one.labels, other.labels);
  const std::vector<std::uint8_t> before = one.images;
  draw_crops(one, std::vector<std::int32_t>{0}, 6, 7);
  EXPECT_NE(one.images, before);
}

TEST(Crops, ASmallPictureIsSeenWholeAndReflected) {
  TrainingSet set = originals();
  draw_crops(set, std::vector<std::int32_t>{1}, 5, 1);
  const auto reflected = [](int k, int size) {
    while (k < 0 || k >= size) k = k < 0 ? -k : 2 * (size - 1) - k;
    return k;
  };
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) ASSERT_EQ(place(set, 1, y, x), std::pair(reflected(x - 5, 5), reflected(y - 4, 7)));
  }
}

TEST(Crops, TheMiddleForValidation) {
  TrainingSet set = originals();
  for (std::size_t i = 0; i < 3; ++i) cut_middle(set, i);
  EXPECT_EQ(place(set, 0, 0, 0), std::pair(12, 4));
  EXPECT_EQ(place(set, 1, 4, 5), std::pair(0, 0));
  EXPECT_EQ(place(set, 2, 15, 15), std::pair(15, 15));
}

}  // namespace
}  // namespace karyon
