// Nuclei out of probabilities: what is split, kept together, filled and dropped.
#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "apps/nuclei/components.h"
#include "apps/nuclei/split.h"
#include "tests/expect_error.h"
#include "tests/nuclei_fixtures.h"

namespace karyon {
namespace {

struct Planes {
  int width, height;
  std::vector<std::uint8_t> foreground, interior;

  Planes(int w, int h) : width(w), height(h), foreground(static_cast<std::size_t>(w * h)), interior(foreground) {}

  /// A disc; its interior is the disc without its outer two pixels.
  void disc(int cx, int cy, int radius) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const int squared = (x - cx) * (x - cx) + (y - cy) * (y - cy);
        const auto i = static_cast<std::size_t>(y * width + x);
        if (squared <= radius * radius) foreground[i] = 230;
        if (squared <= (radius - 2) * (radius - 2)) interior[i] = 220;
      }
    }
  }
  [[nodiscard]] LabelImage by_interior(const SplitSettings& settings = {}, int threads = 1) const {
    return split_nuclei(width, height, foreground, interior, settings, threads);
  }
  [[nodiscard]] LabelImage by_distance(const SplitSettings& settings = {}, int threads = 1) const {
    return split_nuclei(width, height, foreground, {}, settings, threads);
  }
};

std::size_t covered(const LabelImage& image) {
  return image.labels.size() - static_cast<std::size_t>(std::count(image.labels.begin(), image.labels.end(), 0U));
}

std::size_t area(const LabelImage& image, std::uint32_t label) {
  return static_cast<std::size_t>(std::count(image.labels.begin(), image.labels.end(), label));
}

TEST(Split, PartsTouchingDiscs) {
  Planes planes(44, 24);
  planes.disc(12, 12, 9);
  planes.disc(29, 12, 9);  // they share a waist of several pixels
  for (const LabelImage& image : {planes.by_interior(), planes.by_distance()}) {
    EXPECT_EQ(image.count, 2U);
    EXPECT_EQ(image.labels[12 * 44 + 12], 1U);
    EXPECT_EQ(image.labels[12 * 44 + 29], 2U);
    EXPECT_EQ(covered(image), planes.foreground.size() - static_cast<std::size_t>(std::count(
                                                             planes.foreground.begin(), planes.foreground.end(), 0)));
    EXPECT_NEAR(static_cast<double>(area(image, 1)), static_cast<double>(area(image, 2)), 12);
  }
}

TEST(Split, KeepsOneDiscWhole) {
  Planes planes(24, 24);
  planes.disc(12, 11, 9);
  EXPECT_EQ(planes.by_interior().count, 1U);
  EXPECT_EQ(planes.by_distance().count, 1U);
}

TEST(Split, AShallowWaistNeedsLessDepth) {
  Planes planes(44, 24);
  planes.disc(14, 12, 9);
  planes.disc(24, 12, 9);
  SplitSettings settings;
  settings.min_depth = 0.9F;  // the smoothed distance falls from 8.11 to 7.34 at the waist
  EXPECT_EQ(planes.by_distance(settings).count, 1U);
  settings.min_depth = 0.7F;
  EXPECT_EQ(planes.by_distance(settings).count, 2U);
}

TEST(Split, APartWithoutSeedIsOneNucleus) {
  Planes planes(24, 24);
  planes.disc(12, 12, 9);
  std::fill(planes.interior.begin(), planes.interior.end(), std::uint8_t{10});
  const LabelImage image = planes.by_interior();
  EXPECT_EQ(image.count, 1U);
  EXPECT_EQ(image.labels[12 * 24 + 12], 1U);
}

TEST(Split, SmallSeedsAreNoSeeds) {
  Planes planes(44, 24);
  planes.disc(12, 12, 9);
  planes.disc(29, 12, 9);
  SplitSettings settings;
  settings.min_marker_area = 1000;
  EXPECT_EQ(planes.by_interior(settings).count, 1U);
}

TEST(Split, DropsTheSmallAndNumbersTheRest) {
  Planes planes(40, 24);
  planes.disc(3, 3, 1);  // 5 pixels
  planes.disc(25, 12, 6);
  SplitSettings settings;
  EXPECT_EQ(planes.by_distance(settings).count, 1U);
  EXPECT_EQ(planes.by_distance(settings).labels[12 * 40 + 25], 1U);
  settings.min_area = 5;
  EXPECT_EQ(planes.by_distance(settings).count, 2U);
  settings.min_area = 6;
  EXPECT_EQ(planes.by_distance(settings).count, 1U);
}

TEST(Split, FillsHolesBelowTheirArea) {
  Planes planes(24, 24);
  planes.disc(12, 12, 9);
  for (const int x : {10, 11, 12}) planes.foreground[static_cast<std::size_t>(12 * 24 + x)] = 0;
  SplitSettings settings;
  settings.fill_holes_below = 3;
  EXPECT_EQ(planes.by_interior(settings).labels[12 * 24 + 11], 0U);
  settings.fill_holes_below = 4;
  EXPECT_EQ(planes.by_interior(settings).labels[12 * 24 + 11], 1U);
}

TEST(Split, ANucleusWithinARingIsItsOwn) {
  const LabelImage ring = drawn({"11111111", "1......1", "1..111.1", "1..111.1", "1......1", "11111111"});
  SplitSettings settings;
  settings.min_area = 1;
  settings.fill_holes_below = 1000;
  settings.min_depth = 100;
  EXPECT_EQ(text_of(split_nuclei(8, 6, bytes_of(ring, 255), {}, settings, 1)),
            (std::vector<std::string>{"11111111", "1......1", "1..222.1", "1..222.1", "1......1", "11111111"}));
}

TEST(Split, ThresholdsAreOfProbabilities) {
  const std::vector<std::uint8_t> foreground{127, 128, 255, 0};
  SplitSettings settings;
  settings.min_area = 1;
  EXPECT_EQ(text_of(split_nuclei(4, 1, foreground, {}, settings, 1)), (std::vector<std::string>{".11."}));
  settings.threshold = 1;
  EXPECT_EQ(text_of(split_nuclei(4, 1, foreground, {}, settings, 1)), (std::vector<std::string>{"..1."}));
  settings.threshold = 0;
  EXPECT_EQ(text_of(split_nuclei(4, 1, foreground, {}, settings, 1)), (std::vector<std::string>{"1111"}));
}

TEST(Split, MarkersAreAboveTheirThreshold) {
  const std::vector<std::uint8_t> foreground(5, 255), interior{255, 255, 51, 255, 255};
  SplitSettings settings;
  settings.min_area = settings.min_marker_area = 1;
  settings.marker_threshold = 51 / 255.0F;
  EXPECT_EQ(split_nuclei(5, 1, foreground, interior, settings, 1).count, 2U);
  settings.marker_threshold = 50 / 255.0F;
  EXPECT_EQ(split_nuclei(5, 1, foreground, interior, settings, 1).count, 1U);
}

TEST(Split, AllOrNothingOfThePicture) {
  const std::vector<std::uint8_t> none(400), all(400, 255);
  EXPECT_EQ(split_nuclei(20, 20, none, {}, {}, 1).count, 0U);
  for (const auto& interior : {std::vector<std::uint8_t>{}, all, none}) {
    EXPECT_EQ(split_nuclei(20, 20, all, interior, {}, 1).count, 1U);
  }
  EXPECT_EQ(split_nuclei(0, 0, {}, {}, {}, 1).count, 0U);
}

TEST(Split, ThreadsDoNotShow) {
  Planes planes(600, 600);
  for (int i = 0; i < 300; ++i) planes.disc(i * 7919 % 600, i * 104729 % 600, 5 + i % 9);
  const LabelImage one = planes.by_distance(), four = planes.by_distance({}, 4);
  EXPECT_GT(one.count, 100U);
  EXPECT_EQ(one.count, four.count);
  EXPECT_EQ(one.labels, four.labels);
  EXPECT_EQ(planes.by_interior().labels, planes.by_interior({}, 4).labels);
}

TEST(Split, EachNucleusIsInOnePiece) {
  Planes planes(300, 300);
  for (int i = 0; i < 120; ++i) planes.disc(i * 7919 % 300, i * 104729 % 300, 5 + i % 9);
  const LabelImage image = planes.by_distance();
  for (std::uint32_t label = 1; label <= image.count; ++label) {
    std::vector<std::uint8_t> mask;
    for (const std::uint32_t other : image.labels) mask.push_back(other == label ? 1 : 0);
    EXPECT_EQ(find_components(300, 300, mask, 1, Connectivity::four).count, 1U) << label;
  }
}

TEST(Split, RefusesSettingsOutOfRange) {
  const auto refuse = [](auto change, const std::string& part) {
    SplitSettings settings;
    change(settings);
    expect_error(Exit::usage, part, [&] { check_split_settings(settings); });
  };
  refuse([](SplitSettings& s) { s.threshold = 1.5F; }, "foreground threshold");
  refuse([](SplitSettings& s) { s.threshold = std::numeric_limits<float>::quiet_NaN(); }, "foreground threshold");
  refuse([](SplitSettings& s) { s.marker_threshold = -1; }, "marker threshold");
  refuse([](SplitSettings& s) { s.min_marker_area = -1; }, "area of a marker");
  refuse([](SplitSettings& s) { s.distance_smoothing = 1e9F; }, "smoothing");
  refuse([](SplitSettings& s) { s.min_depth = 0; }, "depth");
  refuse([](SplitSettings& s) { s.fill_holes_below = -1; }, "holes");
  refuse([](SplitSettings& s) { s.min_area = -1; }, "area of a nucleus");
}

}  // namespace
}  // namespace karyon
