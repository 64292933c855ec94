// Components, distances, floods, peaks and holes of small masks; the expected numbers are scikit-image's and SciPy's.
#include <cmath>

#include <gtest/gtest.h>

#include "apps/nuclei/components.h"
#include "apps/nuclei/distance.h"
#include "apps/nuclei/holes.h"
#include "apps/nuclei/peaks.h"
#include "apps/nuclei/smooth.h"
#include "apps/nuclei/watershed.h"
#include "tests/nuclei_fixtures.h"

namespace karyon {
namespace {

using Rows = std::vector<std::string>;

const Rows kScattered{"11..111", "1...1.1", "..1.111", ".1.....", "1.11.11"};

TEST(Components, AreNumberedByTheirFirstPixel) {
  const std::vector<std::uint8_t> mask = bytes_of(drawn(kScattered));
  const LabelImage four = label_components(7, 5, mask, Connectivity::four);
  EXPECT_EQ(four.count, 7U);
  EXPECT_EQ(text_of(four), (Rows{"11..222", "1...2.2", "..3.222", ".4.....", "5.66.77"}));
  const LabelImage eight = label_components(7, 5, mask, Connectivity::eight);
  EXPECT_EQ(eight.count, 4U);
  EXPECT_EQ(text_of(eight), (Rows{"11..222", "1...2.2", "..3.222", ".3.....", "3.33.44"}));
}

TEST(Components, JoinBelow) {
  const LabelImage image = label_components(5, 3, bytes_of(drawn({"1.1.1", "1.1.1", "11111"})), Connectivity::four);
  EXPECT_EQ(text_of(image), (Rows{"1.1.1", "1.1.1", "11111"}));
}

TEST(Components, OfNothingAreNone) {
  EXPECT_EQ(label_components(3, 2, std::vector<std::uint8_t>(6), Connectivity::four).count, 0U);
  EXPECT_EQ(label_components(0, 0, {}, Connectivity::eight).count, 0U);
}

TEST(Components, BeginAtTheLevel) {
  const std::vector<std::uint8_t> plane{9, 10, 11, 9, 10};
  const Components found = find_components(5, 1, plane, 10, Connectivity::four);
  ASSERT_EQ(found.runs.size(), 2U);
  EXPECT_EQ(found.runs[0].begin, 1);
  EXPECT_EQ(found.runs[0].end, 3);
  EXPECT_EQ(found.runs[1].component, 2U);
}

TEST(Distance, IsToTheNearestBackground) {
  std::vector<std::uint8_t> mask =
      bytes_of(drawn({"...........", ".111111111.", ".111111111.", ".111111111.", "1111111111."}));
  mask[1 * 11 + 1] = 0;
  const std::vector<float> d = distance_to_background(11, 5, mask);
  const auto at = [&d](int x, int y) { return d[static_cast<std::size_t>(y * 11 + x)]; };
  EXPECT_EQ(at(0, 0), 0);
  EXPECT_EQ(at(5, 1), 1);
  EXPECT_EQ(at(5, 3), 3);
  EXPECT_EQ(at(5, 4), 4);  // the row below the picture is no background
  EXPECT_FLOAT_EQ(at(2, 2), std::sqrt(2.0F));
  EXPECT_FLOAT_EQ(at(2, 4), std::sqrt(5.0F));
}

TEST(Distance, WithoutBackgroundIsInfinite) {
  for (const float d : distance_to_background(3, 2, std::vector<std::uint8_t>(6, 1))) EXPECT_TRUE(std::isinf(d));
  EXPECT_TRUE(distance_to_background(0, 0, {}).empty());
}

std::vector<float> heights_of(const LabelImage& image) { return {image.labels.begin(), image.labels.end()}; }

TEST(Watershed, FloodsInTheOrderOfHeightThenTime) {
  std::vector<float> heights = heights_of(drawn({".3135.", "222222", ".141.9"}));
  heights[5] = 0.5F;
  heights[16] = 0.25F;
  const LabelImage markers = drawn({"1....2", "......", "....3."});
  const std::vector<std::uint8_t> mask(18, 1);
  EXPECT_EQ(text_of(watershed(heights, markers, mask, Connectivity::four)), (Rows{"113322", "113332", "113333"}));
  EXPECT_EQ(text_of(watershed(heights, markers, mask, Connectivity::eight)), (Rows{"111322", "113333", "113333"}));
}

TEST(Watershed, StaysInTheMask) {
  const LabelImage markers = drawn({"1..2...3"});
  const std::vector<std::uint8_t> mask = bytes_of(drawn({"11.111.."}));
  EXPECT_EQ(text_of(watershed(std::vector<float>(8), markers, mask, Connectivity::four)), (Rows{"11.222.."}));
}

TEST(Watershed, SharesAPlateau) {
  const LabelImage markers = drawn({"1......2"});
  EXPECT_EQ(text_of(watershed(std::vector<float>(8, -3), markers, std::vector<std::uint8_t>(8, 1), Connectivity::four)),
            (Rows{"11112222"}));
}

TEST(Peaks, StandOutByTheirDepth) {
  const LabelImage ridge = drawn({"1521741681"});
  const std::vector<std::uint8_t> mask(10, 1);
  // Depths: 5 above 1: 4; 7 above 1: 6; 8: the highest.
  EXPECT_EQ(text_of(find_peaks(10, 1, heights_of(ridge), mask, 4)), (Rows{".1..2...3."}));
  EXPECT_EQ(text_of(find_peaks(10, 1, heights_of(ridge), mask, 4.5F)), (Rows{"....1...2."}));
  EXPECT_EQ(text_of(find_peaks(10, 1, heights_of(ridge), mask, 9)), (Rows{"........1."}));
}

TEST(Peaks, OfAPlateauAreOne) {
  const LabelImage flat = drawn({"22122", "22122"});
  EXPECT_EQ(text_of(find_peaks(5, 2, heights_of(flat), std::vector<std::uint8_t>(10, 1), 0.5F)),
            (Rows{"1..2.", "....."}));
}

TEST(Peaks, AreOfEachPartOfTheMask) {
  EXPECT_EQ(text_of(find_peaks(5, 1, heights_of(drawn({"22922"})), bytes_of(drawn({"11.11"})), 5)), (Rows{"1..2."}));
}

TEST(Smoothing, SpreadsAndKeepsTheSum) {
  std::vector<float> plane(15 * 15);
  plane[7 * 15 + 7] = 1;
  smooth(15, 15, 1, plane);
  float sum = 0;
  for (const float value : plane) sum += value;
  EXPECT_NEAR(sum, 1, 1e-5);
  EXPECT_NEAR(plane[7 * 15 + 7], 0.1591559, 1e-5);  // scipy.ndimage.gaussian_filter
  EXPECT_NEAR(plane[7 * 15 + 8], 0.0965329, 1e-5);
}

TEST(Smoothing, MirrorsAtTheEdges) {
  std::vector<float> plane(3, 2.5F);
  smooth(3, 1, 4, plane);
  for (const float value : plane) EXPECT_NEAR(value, 2.5, 1e-5);
}

LabelImage filled(const Rows& rows, int below, const Rows& taken = {}) {
  LabelImage image = drawn(rows);
  std::vector<std::uint8_t> shape = bytes_of(image);
  const std::vector<std::uint8_t> others =
      taken.empty() ? std::vector<std::uint8_t>(shape.size()) : bytes_of(drawn(taken));
  fill_holes(image.width, image.height, below, others, shape);
  image.labels.assign(shape.begin(), shape.end());
  return image;
}

TEST(Holes, AreFilledBelowTheirArea) {
  const Rows rows{"111111", "1.1..1", "111..1", "111111"};
  EXPECT_EQ(text_of(filled(rows, 1)), rows);
  EXPECT_EQ(text_of(filled(rows, 4)), (Rows{"111111", "111..1", "111..1", "111111"}));
  EXPECT_EQ(text_of(filled(rows, 5)), (Rows{"111111", "111111", "111111", "111111"}));
}

TEST(Holes, ThatAreOpenOrTakenStay) {
  const Rows open{"11.1111", "1.11..1", "1111111"};
  EXPECT_EQ(text_of(filled(open, 9)), (Rows{"11.1111", "1.11111", "1111111"}));  // one opens by a corner
  EXPECT_EQ(text_of(filled({"11111", "1...1", "11111"}, 9, {".....", "..1..", "....."})),
            (Rows{"11111", "1...1", "11111"}));
}

}  // namespace
}  // namespace karyon
