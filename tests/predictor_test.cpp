// From pictures to probabilities: windows against the whole, mirror images, scales, batches.
#include "apps/inference/predictor.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "apps/models/built_in_model.h"
#include "apps/nuclei/matching.h"
#include "engine/random.h"
#include "tests/tiny_model.h"

namespace karyon {
namespace {

using Plane = std::vector<std::uint8_t>;

/// Discs of several sizes on a dark noisy ground, each in a cell of its own, for where nuclei touch the line between
/// them hangs on the last bit of their probabilities.
EightBits discs(int width, int height) {
  constexpr int kCell = 44, kMargin = 4;
  RawPicture raw(width, height, 1, 8);
  RandomStream random(1, Purpose::bench, 0);
  for (std::uint8_t& v : raw.narrow) v = static_cast<std::uint8_t>(10 + random.below(3));
  for (int top = 0; top + kCell <= height; top += kCell) {
    for (int left = 0; left + kCell <= width; left += kCell) {
      const int radius = 9 + static_cast<int>(random.below(kCell / 2 - kMargin - 9)),
                room = kCell / 2 - kMargin - radius, light = 80 + static_cast<int>(random.below(120));
      const auto middle = [&](int edge) {
        return edge + kCell / 2 - room + static_cast<int>(random.below(static_cast<std::uint32_t>(2 * room + 1)));
      };
      const int x0 = middle(left), y0 = middle(top);
      for (int y = y0 - radius; y <= y0 + radius; ++y) {
        for (int x = x0 - radius; x <= x0 + radius; ++x) {
          const double from_middle = std::hypot(x - x0, y - y0) / radius;
          std::uint8_t& v = raw.narrow[static_cast<std::size_t>(y * width + x)];
          v = static_cast<std::uint8_t>(v + light * std::max(0.0, 1 - std::pow(from_middle, 4)));
        }
      }
    }
  }
  return {std::move(raw), Normalise::plain};
}

/// Every sample from `sample(x, y, channel)`.
template <typename Sample>
EightBits picture_of(int width, int height, Sample sample) {
  RawPicture raw(width, height, 3, 8);
  std::uint8_t* to = raw.narrow.data();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) *to++ = sample(x, y, c);
    }
  }
  return {std::move(raw), Normalise::plain};
}

std::uint8_t noise_at(int x, int y, int c) {
  RandomStream block(3, Purpose::bench, static_cast<std::uint32_t>(y / 4 * 1000 + x / 4));
  for (int i = 0; i < c; ++i) block.below(256);
  return static_cast<std::uint8_t>(block.below(256));
}

EightBits noise(int width, int height) { return picture_of(width, height, noise_at); }

int largest_difference(const Plane& a, const Plane& b) {
  EXPECT_EQ(a.size(), b.size());
  int most = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

constexpr float kContrast = 30;  // so that small differences of what the network sees show

Checkpoint tiny(const char* scale, int classes = 2) {
  TrainOptions options;
  options.width = 0.35;
  options.image_size = 32;
  options.decoder_filters = {16, 8, 8, 8};
  options.classes = classes;
  Context context(Device{}, 1);
  Checkpoint checkpoint =
      classes == 2 ? tiny_checkpoint() : make_checkpoint(make_training_model(context, options), 1, {});
  checkpoint.scale = scale;
  for (float& value : tensor_of(checkpoint, "head/kernel").values) value *= kContrast;
  return checkpoint;
}

/// A predictor and what it runs on.
struct Machine {
  explicit Machine(Checkpoint checkpoint) : predictor(context, std::move(checkpoint), "test", ElementType::f32) {}
  ProbabilityMaps predict(const EightBits& picture, const PredictSettings& settings) {
    const EightBits* one = &picture;
    return std::move(predictor.predict(std::span(&one, 1), settings).front());
  }
  Context context{Device{}, 2};
  Predictor predictor;
};

TEST(Predictor, WindowsGiveWhatTheWholeGives) {
  Machine machine(load_model(""));
  const EightBits picture = discs(700, 500);
  // Connected parts alone: the line between touching nuclei would hang on the last bit of their probabilities.
  SplitSettings split;
  split.min_depth = 1000;
  const auto nuclei = [&](int tile, int overlap) {
    PredictSettings settings;
    settings.scale = 1;
    settings.tile = tile;
    settings.overlap = overlap;
    const ProbabilityMaps maps = machine.predict(picture, settings);
    EXPECT_EQ(maps.width, 700);
    EXPECT_EQ(maps.height, 500);
    return split_nuclei(maps.width, maps.height, maps.nucleus, {}, split, 2);
  };
  const LabelImage whole = nuclei(1024, 0), tiled = nuclei(512, 128);
  ASSERT_GT(whole.count, 100U) << "too few nuclei to say anything";
  EXPECT_EQ(tiled.count, whole.count);
  std::size_t matched = 0, different = 0;
  for (const Overlap& pair : overlaps(whole, tiled)) {
    if (pair.iou() < 0.5) continue;
    ++matched;
    EXPECT_GE(pair.iou(), 0.98);
  }
  EXPECT_EQ(matched, whole.count);
  for (std::size_t i = 0; i < whole.labels.size(); ++i) {
    different += (whole.labels[i] != 0) != (tiled.labels[i] != 0) ? 1 : 0;
  }
  EXPECT_LE(different, whole.labels.size() / 1000);
}

TEST(Predictor, CountsItsWindowsInAdvanceAndAsTheyAreDone) {
  Machine machine(tiny("native"));
  PredictSettings settings;
  settings.tile = 64;
  settings.overlap = 32;
  const EightBits a = noise(150, 90), b = noise(40, 200);
  const std::vector<const EightBits*> both{&a, &b};
  std::size_t done = 0;
  const auto maps = machine.predictor.predict(both, settings, [&](std::size_t windows) { done += windows; });
  EXPECT_EQ(maps.size(), both.size());
  const std::size_t of_a = machine.predictor.windows(150, 90, settings);
  EXPECT_EQ(of_a, 4U * 2U);
  EXPECT_EQ(done, of_a + machine.predictor.windows(40, 200, settings));
}

TEST(Predictor, BatchesChangeNothing) {
  Machine machine(tiny("native"));
  const EightBits a = noise(300, 260), b = noise(33, 500), c = noise(64, 64), d = noise(1, 1);
  const std::vector<const EightBits*> pictures{&a, &b, &c, &d};
  PredictSettings settings;
  settings.tile = 64;
  settings.overlap = 32;
  settings.batch_size = 1;
  for (const bool flips : {false, true}) {
    settings.flips = flips;
    settings.batch_size = 1;
    const std::vector<ProbabilityMaps> one = machine.predictor.predict(pictures, settings);
    for (const int batch : {3, 64}) {  // 64: the windows of several rows at once
      settings.batch_size = batch;
      const std::vector<ProbabilityMaps> many = machine.predictor.predict(pictures, settings);
      for (std::size_t i = 0; i < pictures.size(); ++i) {
        ASSERT_EQ(many[i].nucleus.size(), pictures[i]->raw().count());
        EXPECT_LE(largest_difference(one[i].nucleus, many[i].nucleus), 1) << i << ' ' << batch;
      }
    }
  }
}

TEST(Predictor, FlipsAreTheMeanOfFourMirrorImages) {
  Machine machine(tiny("resized"));
  const int side = 32;
  PredictSettings settings;
  std::vector<double> mean(side * side);
  for (const bool down : {false, true}) {
    for (const bool across : {false, true}) {
      const auto turned = [&](int v, bool turn) { return turn ? side - 1 - v : v; };
      const EightBits mirrored =
          picture_of(side, side, [&](int x, int y, int c) { return noise_at(turned(x, across), turned(y, down), c); });
      const ProbabilityMaps maps = machine.predict(mirrored, settings);
      for (int y = 0; y < side; ++y) {
        for (int x = 0; x < side; ++x) {
          mean[static_cast<std::size_t>(y * side + x)] +=
              maps.nucleus[static_cast<std::size_t>(turned(y, down) * side + turned(x, across))] / 4.0;
        }
      }
    }
  }
  const Plane plain = machine.predict(noise(side, side), settings).nucleus;
  settings.flips = true;
  const Plane flipped = machine.predict(noise(side, side), settings).nucleus;
  for (std::size_t i = 0; i < mean.size(); ++i) EXPECT_NEAR(flipped[i], mean[i], 1.01) << i;
  EXPECT_GT(largest_difference(plain, flipped), 20) << "mirror images are alike: nothing is tested";
}

TEST(Predictor, ScaleShowsALargerOrSmallerPicture) {
  Machine machine(tiny("native"));
  const int width = 48, height = 40;
  const Plane small = machine.predict(noise(width, height), {}).nucleus;
  // Every pixel four times: at half the scale the network sees the small picture again.
  const EightBits large =
      picture_of(2 * width, 2 * height, [](int x, int y, int c) { return noise_at(x / 2, y / 2, c); });
  PredictSettings half;
  half.scale = 0.5;
  const ProbabilityMaps maps = machine.predict(large, half);
  ASSERT_EQ(maps.nucleus.size(), 4 * small.size());
  const auto at = [&](int x, int y) {
    return small[static_cast<std::size_t>(std::clamp(y, 0, height - 1) * width + std::clamp(x, 0, width - 1))];
  };
  for (int y = 0; y < 2 * height; ++y) {
    for (int x = 0; x < 2 * width; ++x) {  // bilinear: a quarter and three quarters of neighbours
      const int u = (x + 1) / 2 - 1, v = (y + 1) / 2 - 1;
      const double right = x % 2 == 0 ? 0.75 : 0.25, below = y % 2 == 0 ? 0.75 : 0.25;
      const double want = (1 - below) * ((1 - right) * at(u, v) + right * at(u + 1, v)) +
                          below * ((1 - right) * at(u, v + 1) + right * at(u + 1, v + 1));
      ASSERT_NEAR(maps.nucleus[static_cast<std::size_t>(y * 2 * width + x)], want, 1.01) << x << ' ' << y;
    }
  }
  PredictSettings tiles;
  tiles.tile = 64;
  tiles.overlap = 32;
  tiles.scale = 2;
  const std::size_t twice = machine.predictor.windows(100, 60, tiles);
  tiles.scale = 1;
  EXPECT_EQ(twice, machine.predictor.windows(200, 120, tiles));
}

TEST(Predictor, AModelOfWholePicturesSeesThemWhole) {
  Machine resized(tiny("resized")), native(tiny("native"));
  // At the model's own size there is no difference.
  EXPECT_EQ(resized.predict(noise(32, 32), {}).nucleus, native.predict(noise(32, 32), {}).nucleus);
  EXPECT_GT(largest_difference(resized.predict(noise(70, 50), {}).nucleus, native.predict(noise(70, 50), {}).nucleus),
            20);
  EXPECT_EQ(resized.predictor.windows(5000, 5000, {}), 1U);
  EXPECT_EQ(native.predictor.windows(5000, 5000, {}), 100U);  // 10 a side
  PredictSettings own_scale;
  own_scale.scale = 1;
  EXPECT_EQ(resized.predict(noise(70, 50), own_scale).nucleus, native.predict(noise(70, 50), {}).nucleus);
}

TEST(Predictor, InteriorsAreWithinNuclei) {
  Machine three(tiny("native", 3)), two(tiny("native"));
  const ProbabilityMaps maps = three.predict(noise(90, 70), {});
  ASSERT_EQ(maps.interior.size(), maps.nucleus.size());
  for (std::size_t i = 0; i < maps.nucleus.size(); ++i) ASSERT_LE(maps.interior[i], maps.nucleus[i]);
  EXPECT_NE(maps.interior, maps.nucleus);
  EXPECT_TRUE(two.predict(noise(90, 70), {}).interior.empty());
}

}  // namespace
}  // namespace karyon
