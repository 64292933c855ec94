// Single images through the network and out of the augmentation, for the pictures of a run.
#include "apps/training/predictions.h"

#include <gtest/gtest.h>

#include "apps/data/synthetic.h"
#include "apps/models/model_file.h"
#include "tests/tiny_model.h"

namespace karyon {
namespace {

constexpr int kSide = 32;
constexpr std::size_t kPixels = std::size_t{kSide} * kSide;

struct Predictions : ::testing::Test {
  Context context{Device{}, 1};
  TrainingSet set = make_synthetic_set(3, 9, kSide, kSide, 1);
  ResidentSet resident{context, set.images, set.labels, kSide, kSide};
  Checkpoint checkpoint = tiny_checkpoint();
  std::unique_ptr<UNet> unet = load_unet(context, checkpoint, "tiny");
  std::vector<Prediction> predictions(const std::vector<std::int32_t>& images, int batch_size) {
    return predict(context, *unet, resident, images, batch_size, checkpoint.normalisation, ElementType::f32);
  }
};

TEST_F(Predictions, AreTheSameInBatchesOfAnySize) {
  const std::vector<std::int32_t> images{8, 1, 5, 2, 7};
  const auto one_by_one = predictions(images, 1), in_twos = predictions(images, 2);
  ASSERT_EQ(one_by_one.size(), images.size());
  ASSERT_EQ(in_twos.size(), images.size());
  std::size_t foreground = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    EXPECT_EQ(one_by_one[i].image, images[i]);
    ASSERT_EQ(one_by_one[i].probability.size(), kPixels);
    for (std::size_t at = 0; at < kPixels; ++at) {
      const float p = one_by_one[i].probability[at];
      EXPECT_NEAR(p, in_twos[i].probability[at], 1e-5F);
      EXPECT_EQ(one_by_one[i].label[at], p > 0.5F ? 1 : 0);
      foreground += one_by_one[i].label[at];
    }
  }
  EXPECT_GT(foreground, 0U);
  EXPECT_LT(foreground, images.size() * kPixels);
}

TEST_F(Predictions, OfAConstantNetworkAreItsProbability) {
  checkpoint = constant_checkpoint(0.25);
  unet = load_unet(context, checkpoint, "constant");
  for (const Prediction& p : predictions({0, 4}, 8)) {
    for (std::size_t at = 0; at < kPixels; ++at) {
      ASSERT_NEAR(p.probability[at], 0.25F, 1e-6F);
      ASSERT_EQ(p.label[at], 0);
    }
  }
  EXPECT_TRUE(predictions({}, 8).empty());
}

/// The image under the flips, bit 0 left-right, bit 1 up-down.
std::vector<std::uint8_t> flipped(const std::uint8_t* from, std::size_t channels, unsigned flips) {
  std::vector<std::uint8_t> to(kPixels * channels);
  for (std::size_t y = 0; y < kSide; ++y) {
    for (std::size_t x = 0; x < kSide; ++x) {
      const std::size_t from_y = (flips & 2U) != 0 ? kSide - 1 - y : y, from_x = (flips & 1U) != 0 ? kSide - 1 - x : x;
      for (std::size_t c = 0; c < channels; ++c) {
        to[(y * kSide + x) * channels + c] = from[(from_y * kSide + from_x) * channels + c];
      }
    }
  }
  return to;
}

TEST_F(Predictions, AugmentedImagesAreTheirFlipsWithTheirLabels) {
  const std::vector<std::int32_t> images{0, 2, 3, 5, 6, 8};
  const auto augmented = first_augmented(context, resident, images, 1, 4, checkpoint.normalisation, {});
  ASSERT_EQ(augmented.size(), 4U);
  unsigned seen = 0;
  for (const AugmentedImage& a : augmented) {
    EXPECT_NE(std::find(images.begin(), images.end(), a.image), images.end());
    const auto at = static_cast<std::size_t>(a.image);
    unsigned flips = 0;
    while (flips < 4 && flipped(&set.images[at * kPixels * 3], 3, flips) != a.rgb) ++flips;
    ASSERT_LT(flips, 4U) << "image " << a.image;
    EXPECT_EQ(flipped(&set.labels[at * kPixels], 1, flips), a.label);
    seen |= 1U << flips;
  }
  EXPECT_NE(seen, 1U) << "nothing was flipped";
}

}  // namespace
}  // namespace karyon
