// The table of nuclei and the scores of matched nuclei; the expected numbers are scikit-image's and StarDist's.
#include <numeric>

#include <gtest/gtest.h>

#include "apps/nuclei/matching.h"
#include "apps/nuclei/regions.h"
#include "tests/nuclei_fixtures.h"

namespace karyon {
namespace {

const std::vector<std::string> kTwo{"111....", "1111...", "..11.22", ".....22"};

std::vector<Region> measured(const LabelImage& image) {
  std::vector<Region> regions = measure_regions(image);
  IntensityMeans means(image, 1);
  std::vector<std::uint16_t> samples(image.labels.size());
  std::iota(samples.begin(), samples.end(), std::uint16_t{0});
  means.add_rows(std::span(samples).first(7));  // a row, then the rest
  means.add_rows(std::span(samples).subspan(7));
  means.store(regions);
  return regions;
}

TEST(Regions, AreThoseOfScikitImage) {
  const std::vector<Region> regions = measured(drawn(kTwo));
  ASSERT_EQ(regions.size(), 2U);
  const Region& a = regions[0];
  EXPECT_EQ(a.label, 1U);
  EXPECT_EQ(a.area, 9);
  EXPECT_NEAR(a.centroid_y, 0.8888888888888888, 1e-12);
  EXPECT_NEAR(a.centroid_x, 1.5555555555555556, 1e-12);
  EXPECT_EQ(a.box.x, 0);
  EXPECT_EQ(a.box.y, 0);
  EXPECT_EQ(a.box.width, 4);
  EXPECT_EQ(a.box.height, 3);
  EXPECT_NEAR(a.eccentricity, 0.8606629658238704, 1e-12);
  EXPECT_NEAR(a.major_axis, 4.618802153517006, 1e-12);
  EXPECT_NEAR(a.minor_axis, 2.3517789431685254, 1e-12);
  EXPECT_NEAR(a.mean_intensity[0], 7.777777777777778, 1e-12);
  const Region& b = regions[1];
  EXPECT_EQ(b.box.x, 5);
  EXPECT_EQ(b.box.y, 2);
  EXPECT_NEAR(b.centroid_x, 5.5, 1e-12);
  EXPECT_NEAR(b.eccentricity, 0, 1e-7);
  EXPECT_NEAR(b.mean_intensity[0], 23, 1e-12);
}

TEST(Regions, OfAPixelAndOfALine) {
  const std::vector<Region> regions = measure_regions(drawn({"1....", "..222"}));
  EXPECT_EQ(regions[0].eccentricity, 0);
  EXPECT_EQ(regions[0].major_axis, 0);
  EXPECT_EQ(regions[1].eccentricity, 1);
  EXPECT_EQ(regions[1].minor_axis, 0);
}

TEST(Regions, OfChannels) {
  const LabelImage image = drawn({"11", ".2"});
  std::vector<Region> regions = measure_regions(image);
  IntensityMeans means(image, 3);
  means.add_rows(std::vector<std::uint8_t>{1, 2, 3, 5, 6, 7, 100, 100, 100, 8, 9, 10});
  means.store(regions);
  EXPECT_EQ(regions[0].mean_intensity, (std::array<double, 3>{3, 4, 5}));
  EXPECT_EQ(regions[1].mean_intensity, (std::array<double, 3>{8, 9, 10}));
}

TEST(NucleiTable, SaysItsUnits) {
  const std::vector<Region> regions = measured(drawn(kTwo));
  EXPECT_EQ(
      nuclei_csv_header(1, 0) + nuclei_csv_rows("a,b", regions, 1, 0),
      "id,label,area,centroid_x,centroid_y,bbox_x,bbox_y,bbox_width,bbox_height,eccentricity,major_axis,minor_axis,"
      "mean_intensity\n"
      "\"a,b\",1,9,1.5556,0.8889,0,0,4,3,0.8607,4.6188,2.3518,7.7778\n"
      "\"a,b\",2,4,5.5000,2.5000,5,2,2,2,0.0000,2.0000,2.0000,23.0000\n");
  EXPECT_EQ(nuclei_csv_header(3, 0.5),
            "id,label,area_um2,centroid_x_um,centroid_y_um,bbox_x,bbox_y,bbox_width,bbox_height,eccentricity,"
            "major_axis_um,minor_axis_um,mean_intensity_0,mean_intensity_1,mean_intensity_2\n");
  EXPECT_EQ(nuclei_csv_rows("a", std::span(regions).subspan(1), 1, 0.5),
            "a,2,1.0000,2.7500,1.2500,5,2,2,2,0.0000,1.0000,1.0000,23.0000\n");
}

TEST(Matching, CountsAtEachThreshold) {
  // IoU of the pairs: 3/5 and 4/4; a find without truth.
  const LabelImage truth = drawn({"1111....", "2222...."}), predicted = drawn({".3331...", "2222..11"});
  const NucleusScores scores = score_nuclei(truth, predicted);
  // Label 1 of the prediction stands in two pieces, away from all truth but for nothing.
  EXPECT_EQ(scores.at[0].hits, 2);
  EXPECT_EQ(scores.at[0].false_finds, 1);
  EXPECT_EQ(scores.at[0].missed, 0);
  EXPECT_DOUBLE_EQ(scores.at[0].accuracy(), 2 / 3.0);
  EXPECT_DOUBLE_EQ(scores.at[0].precision(), 2 / 3.0);
  EXPECT_DOUBLE_EQ(scores.at[0].recall(), 1);
  EXPECT_DOUBLE_EQ(scores.at[0].f1(), 0.8);
  EXPECT_EQ(scores.at[5].hits, 2);     // 3/4 >= 0.75
  EXPECT_EQ(scores.above[5].hits, 1);  // not > 0.75
  EXPECT_EQ(scores.at[6].hits, 1);
  EXPECT_DOUBLE_EQ(scores.mean_ap(), (6 * 2 / 3.0 + 4 * 0.25) / 10);
  EXPECT_DOUBLE_EQ(scores.dsb(), (5 * 2 / 3.0 + 5 * 0.25) / 10);
}

TEST(Matching, ListsOverlaps) {
  const std::vector<Overlap> pairs = overlaps(drawn({"1122"}), drawn({".111"}));
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].common, 1);
  EXPECT_EQ(pairs[0].either, 4);
  EXPECT_DOUBLE_EQ(pairs[1].iou(), 2 / 3.0);
}

TEST(Matching, TwoHalvesAreOneHit) {
  const NucleusScores scores = score_nuclei(drawn({"1111"}), drawn({"1122"}));
  EXPECT_EQ(scores.at[0].hits, 1);
  EXPECT_EQ(scores.at[0].false_finds, 1);
  EXPECT_EQ(scores.above[0].hits, 0);
  EXPECT_EQ(score_nuclei(drawn({"1122"}), drawn({"1111"})).at[0].hits, 1);
}

TEST(Matching, OfNothing) {
  const LabelImage none = drawn({"...."}), one = drawn({".11."});
  EXPECT_DOUBLE_EQ(score_nuclei(none, none).dsb(), 1);
  EXPECT_DOUBLE_EQ(score_nuclei(none, none).at[3].f1(), 1);
  EXPECT_DOUBLE_EQ(score_nuclei(none, one).dsb(), 0);
  EXPECT_DOUBLE_EQ(score_nuclei(one, none).at[0].recall(), 0);
}

TEST(Matching, OfSeveralPictures) {
  const LabelImage none = drawn({"...."}), one = drawn({".11."}), two = drawn({"1.22"});
  const std::vector<NucleusScores> scores{score_nuclei(one, one), score_nuclei(two, none), score_nuclei(none, none)};
  const TotalNucleusScores total = total_nucleus_scores(scores);
  EXPECT_EQ(total.images, 3U);
  EXPECT_DOUBLE_EQ(total.dsb, 2 / 3.0);
  EXPECT_DOUBLE_EQ(total.mean_accuracy[9], 2 / 3.0);
  EXPECT_DOUBLE_EQ(total.pooled.at[0].accuracy(), 1 / 3.0);
  EXPECT_EQ(total_nucleus_scores({}).images, 0U);
}

}  // namespace
}  // namespace karyon
