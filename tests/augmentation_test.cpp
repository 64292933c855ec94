// What is drawn for an image and an epoch, and the batches that are made of it.
#include "model/augmentation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "model/batches.h"
#include "tests/expect_error.h"

namespace karyon {
namespace {

constexpr int kSide = 16, kImages = 7;

bool same(const Distortion& a, const Distortion& b) {
  return a.transposed == b.transposed && a.step == b.step && std::equal(a.gain, a.gain + 3, b.gain) &&
         a.shift == b.shift && a.noise == b.noise && std::equal(a.key, a.key + 2, b.key);
}

TEST(Augmentation, IsOffAtFirst) {
  EXPECT_FALSE(AugmentSettings{}.any());
  for (const Distortion& d : draw_distortions({}, 1, 1, 20)) {
    Distortion nothing;
    std::copy_n(d.key, 2, nothing.key);
    EXPECT_TRUE(same(d, nothing));
  }
}

TEST(Augmentation, StaysWithinItsStrength) {
  const AugmentSettings settings{.transpose = true, .brightness = 0.2F, .colour = 0.1F, .noise = 0.05F, .scale = 0.5F};
  const auto drawn = draw_distortions(settings, 3, 2, 2000);
  int transposed = 0, nearer = 0, both = 0;
  float least = 9, most = 0, darkest = 0, brightest = 0;
  std::int32_t least_step = kWholeStep, most_step = kWholeStep;
  for (const Distortion& d : drawn) {
    transposed += d.transposed;
    nearer += d.step < kWholeStep ? 1 : 0;
    both += d.step < kWholeStep ? d.transposed : 0;
    least_step = std::min(least_step, d.step);
    most_step = std::max(most_step, d.step);
    least = std::min({least, d.gain[0], d.gain[1], d.gain[2]});
    most = std::max({most, d.gain[0], d.gain[1], d.gain[2]});
    darkest = std::min(darkest, d.shift);
    brightest = std::max(brightest, d.shift);
    EXPECT_FLOAT_EQ(d.noise, 12.75F);
  }
  EXPECT_NEAR(transposed, 1000, 100);
  EXPECT_NEAR(nearer, 1000, 100);
  EXPECT_NEAR(both, 500, 80) << "one has nothing to do with the other";
  EXPECT_NEAR(least_step, kWholeStep / 1.5, 200);
  EXPECT_NEAR(most_step, kWholeStep * 1.5, 400);
  EXPECT_GE(least, 0.8F * 0.9F);
  EXPECT_LT(least, 0.75F);
  EXPECT_LE(most, 1.2F * 1.1F);
  EXPECT_GT(most, 1.28F);
  EXPECT_NEAR(darkest, -25.5, 0.2);
  EXPECT_NEAR(brightest, 25.5, 0.2);
}

TEST(Augmentation, OneKindDoesNotMoveAnother) {
  const auto all = draw_distortions({true, 0.2F, 0.1F, 0.05F, 0.5F}, 3, 2, 30);
  const auto scale = draw_distortions({.scale = 0.5F}, 3, 2, 30),
             turn = draw_distortions({.transpose = true}, 3, 2, 30);
  const auto more = draw_distortions({true, 0.2F, 0.1F, 0.05F, 0.5F}, 3, 2, 40);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].step, scale[i].step);
    EXPECT_EQ(all[i].transposed, turn[i].transposed);
    EXPECT_EQ(all[i].key[0], turn[i].key[0]);
    EXPECT_TRUE(same(all[i], more[i]));
  }
}

TEST(Augmentation, IsAnewForEveryEpochAndSeed) {
  const AugmentSettings settings{true, 0.2F, 0.1F, 0.05F, 0.5F};
  const auto first = draw_distortions(settings, 3, 2, 30);
  for (const auto& other : {draw_distortions(settings, 3, 3, 30), draw_distortions(settings, 4, 2, 30)}) {
    EXPECT_NE(first[0].step, other[0].step);
    EXPECT_NE(first[0].gain[0], other[0].gain[0]);
    EXPECT_NE(first[0].shift, other[0].shift);
    EXPECT_NE(first[0].key[0], other[0].key[0]);
    const auto same_way = [](const Distortion& a, const Distortion& b) { return a.transposed == b.transposed; };
    EXPECT_FALSE(std::equal(first.begin(), first.end(), other.begin(), same_way));
  }
}

TEST(Augmentation, RefusesWhatItCannotDo) {
  expect_error(Exit::usage, "square", [] { check_augmentation({.transpose = true}, 96, 128); });
  expect_error(Exit::usage, "brightness", [] { check_augmentation({.brightness = 1.5F}, 32, 32); });
  expect_error(Exit::usage, "noise", [] { check_augmentation({.noise = -0.1F}, 32, 32); });
  expect_error(Exit::usage, "colour", [] { check_augmentation({.colour = NAN}, 32, 32); });
  expect_error(Exit::usage, "scale", [] { check_augmentation({.scale = 2}, 32, 32); });
  check_augmentation({.scale = 1}, 96, 128);
}

struct Bytes {
  std::vector<std::uint8_t> images, labels;
};

/// Labels are where the image is bright.
Bytes pictures() {
  Bytes set;
  for (int i = 0; i < kImages * kSide * kSide; ++i) {
    const int image = i / (kSide * kSide), row = i / kSide % kSide, column = i % kSide;
    const bool nucleus = std::abs(row - 3 - image) < 4 && std::abs(column - 11) < 3;
    set.labels.push_back(nucleus ? 1 : 0);
    set.images.insert(set.images.end(), 3, static_cast<std::uint8_t>(nucleus ? 200 : 30 + image));
  }
  return set;
}

struct Epoch {
  std::vector<float> x;
  std::vector<std::uint8_t> labels;
};

/// All batches of an epoch from batch `first` on.
Epoch epoch_of(const AugmentSettings& settings, int batch_size, std::uint32_t epoch, int first = 0) {
  Context context({}, 2);
  const Bytes bytes = pictures();
  const ResidentSet set(context, bytes.images, bytes.labels, kSide, kSide);
  std::vector<std::int32_t> indices(kImages);
  std::iota(indices.begin(), indices.end(), 0);
  Batches batches(context, set, indices, batch_size, {}, ElementType::f32, settings);
  batches.begin_training(5, epoch, std::vector<AdamRate>(static_cast<std::size_t>(batches.count())), first);
  Epoch result;
  for (int k = first; k < batches.count(); ++k) {
    const Batches::Batch batch = batches.next(batches.size(k));
    const std::vector<float> x = batch.x.to_vector();
    result.x.insert(result.x.end(), x.begin(), x.end());
    result.labels.insert(result.labels.end(), batch.labels, batch.labels + x.size() / 3);
  }
  return result;
}

constexpr AugmentSettings kAll{.transpose = true, .brightness = 0.2F, .colour = 0.1F, .noise = 0.05F, .scale = 0.5F};

TEST(Batches, AreDistortedWhateverTheBatchSizeAndTheStart) {
  const Epoch plain = epoch_of({}, 3, 1), whole = epoch_of(kAll, 7, 1), parts = epoch_of(kAll, 3, 1);
  EXPECT_NE(plain.x, whole.x);
  EXPECT_EQ(whole.x, parts.x);
  EXPECT_EQ(whole.labels, parts.labels);
  EXPECT_NE(whole.x, epoch_of(kAll, 7, 2).x);
  const Epoch rest = epoch_of(kAll, 3, 1, 1);
  const auto begin = static_cast<std::ptrdiff_t>(3) * kSide * kSide;
  EXPECT_EQ(rest.x, std::vector<float>(whole.x.begin() + 3 * begin, whole.x.end()));
  EXPECT_EQ(rest.labels, std::vector<std::uint8_t>(whole.labels.begin() + begin, whole.labels.end()));
}

// Brightness and noise that do nothing to speak of: the other path through the kernels, the same pictures.
TEST(Batches, DistortedByNothingAreAsTheyWere) {
  const Epoch plain = epoch_of({}, 3, 1), faint = epoch_of({.brightness = 1e-9F}, 3, 1);
  EXPECT_EQ(plain.x, faint.x);
  EXPECT_EQ(plain.labels, faint.labels);
}

TEST(Batches, KeepLabelsOnTheirNuclei) {
  const Epoch moved = epoch_of({.transpose = true, .scale = 0.5F}, 4, 1);
  std::size_t nuclei = 0;
  for (std::size_t i = 0; i < moved.labels.size(); ++i) {
    const float byte = (moved.x[3 * i] + 1) * 127.5F;
    if (byte > 199.9F) {
      EXPECT_EQ(moved.labels[i], 1) << i;
    } else if (byte < 37) {
      EXPECT_EQ(moved.labels[i], 0) << i;
    }
    nuclei += moved.labels[i];
  }
  EXPECT_GT(nuclei, 100U);
}

TEST(Batches, InOrderAreNeverDistorted) {
  Context context({}, 2);
  const Bytes bytes = pictures();
  const ResidentSet set(context, bytes.images, bytes.labels, kSide, kSide);
  const std::vector<std::int32_t> indices{4, 1};
  Batches batches(context, set, indices, 2, {}, ElementType::f32, kAll);
  batches.begin_training(1, 1, std::vector<AdamRate>(1));
  batches.next(2);
  batches.begin_in_order();
  const std::vector<float> x = batches.next(2).x.to_vector();
  const std::size_t image = kSide * kSide * 3;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::uint8_t byte = bytes.images[(i < image ? 4 : 1) * image + i % image];
    ASSERT_EQ(x[i], static_cast<float>(byte) * (1.0F / 127.5F) - 1.0F);
  }
}

}  // namespace
}  // namespace karyon
