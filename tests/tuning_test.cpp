// Tuning on pictures at their own size, with networks that say the same of every pixel.
#include "apps/training/tuning.h"

#include <vector>

#include <gtest/gtest.h>

#include "tests/tiny_model.h"

namespace karyon {
namespace {

/// Pictures of side x side; truth: one nucleus that is all of it, or none.
LoadExample pictures(int side, bool nucleus) {
  return [side, nucleus](std::int32_t index) {
    Example example;
    example.id = std::to_string(index);
    example.image = RawPicture(side, side, 1, 8);
    example.nuclei.emplace(example.image.count(), nucleus ? 7U : 0U);
    return example;
  };
}

Tuning tuned(const Checkpoint& model, const LoadExample& load, int count = 3) {
  Context context(Device{}, 1);
  std::vector<std::int32_t> places;
  for (int i = 0; i < count; ++i) places.push_back(i);
  return tune(context, model, places, load, 16, 2);
}

TEST(Tuning, RaisesTheThresholdAboveFalseFinds) {
  const Tuning t = tuned(constant_checkpoint(0.52), pictures(40, false));
  EXPECT_EQ(t.threshold, 0.55);
  EXPECT_EQ(t.min_area, 16);
  EXPECT_EQ(t.scores.images, 3U);
  EXPECT_EQ(t.scores.nuclei.dsb, 1);
}

TEST(Tuning, LowersItToWhatIsMissed) {
  const Tuning t = tuned(constant_checkpoint(0.42), pictures(40, true));
  EXPECT_EQ(t.threshold, 0.3);
  EXPECT_EQ(t.scores.nuclei.dsb, 1);
  EXPECT_EQ(t.scores.dice, 1);
}

TEST(Tuning, DropsWhatIsTooSmallToBeANucleus) {
  const Tuning t = tuned(constant_checkpoint(0.75), pictures(5, false));
  EXPECT_EQ(t.threshold, 0.5);
  EXPECT_EQ(t.min_area, 32);
}

TEST(Tuning, WhatIsRightStaysAndTheModelsOwnSettingsAreTheStart) {
  Checkpoint model = constant_checkpoint(0.9);
  model.threshold = 0.62;
  model.min_area = 11;
  model.marker_threshold = 0.35;
  const Tuning t = tuned(model, pictures(40, true));
  EXPECT_EQ(t.threshold, 0.62);
  EXPECT_EQ(t.min_area, 11);
  EXPECT_EQ(t.marker_threshold, 0.35);
}

TEST(Tuning, TakesEvenlySpreadPicturesOfMany) {
  std::vector<std::int32_t> asked;
  const LoadExample load = [&asked](std::int32_t index) {
    asked.push_back(index);
    return pictures(3, true)(index);
  };
  tuned(constant_checkpoint(0.9), load, 480);
  ASSERT_EQ(asked.size(), 160U);
  for (std::size_t i = 0; i < asked.size(); ++i) EXPECT_EQ(asked[i], static_cast<std::int32_t>(3 * i));
}

}  // namespace
}  // namespace karyon
