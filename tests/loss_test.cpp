// The loss that the settings describe, as the network is trained by it: what is reported is what is minimised.
#include "layers/loss.h"

#include <cmath>

#include <gtest/gtest.h>

#include "engine/random.h"
#include "model/training_step.h"
#include "tests/expect_error.h"

namespace karyon {
namespace {

constexpr int kBatch = 2, kSide = 32;

UNetOptions small_options(int classes) {
  UNetOptions options;
  options.encoder.width = 0.35;
  options.filters = {16, 8, 8, 8};
  options.classes = classes;
  return options;
}

struct Pictures {
  Tensor x;
  std::vector<std::uint8_t> labels;
};

Pictures pictures(Context& context, int classes) {
  RandomStream random(1, Purpose::bench);
  std::vector<float> values(static_cast<std::size_t>(kBatch * kSide * kSide * 3));
  for (float& value : values) value = random.uniform(-1, 1);
  std::vector<std::uint8_t> labels(values.size() / 3);
  for (std::uint8_t& label : labels) {
    label = static_cast<std::uint8_t>(random.below(5) > 0 ? 0 : random.below(static_cast<std::uint32_t>(classes)));
  }
  return {Tensor::from(context, {kBatch, kSide, kSide, 3}, values), labels};
}

double mean_loss(const XentCounts& counts) { return counts.loss_sum / static_cast<double>(counts.pixels); }

/// The first step's loss, and every gradient.
struct FirstStep {
  double loss;
  std::vector<std::vector<float>> gradients;
};

FirstStep first_step(const LossSettings& settings) {
  Context context({}, 2);
  UNet unet(context, small_options(2));
  unet.initialize(2);
  TrainingStep step(context, unet, {}, settings);
  const Pictures p = pictures(context, 2);
  FirstStep result{mean_loss(step.compute_gradients(p.x, p.labels.data())), {}};
  for (std::size_t i = 0; i < step.trained().size(); ++i) result.gradients.push_back(step.gradient(i).to_vector());
  return result;
}

TEST(Loss, WithoutSettingsIsThePlainLoss) {
  Context context({}, 1);
  EXPECT_TRUE(Loss(context, {}, 2).plain());
  EXPECT_FALSE(Loss(context, {{1, 1}, 0}, 2).plain());
  EXPECT_FALSE(Loss(context, {{}, 1}, 2).plain());
  const FirstStep plain = first_step({}), equal = first_step({{2, 2}, 0});
  EXPECT_NEAR(equal.loss, plain.loss, 1e-6);
  EXPECT_GT(first_step({{}, 1}).loss, plain.loss + 0.3)
      << "a Dice of little foreground by a network that knows nothing";
  for (std::size_t i = 0; i < plain.gradients.size(); ++i) {
    double difference = 0, size = 0;
    for (std::size_t k = 0; k < plain.gradients[i].size(); ++k) {
      difference += std::pow(static_cast<double>(plain.gradients[i][k] - equal.gradients[i][k]), 2);
      size += std::pow(static_cast<double>(plain.gradients[i][k]), 2);
    }
    EXPECT_LE(difference, 1e-6 * size + 1e-16) << i;
  }
}

TEST(Loss, GradientIsTheSlopeOfWhatIsReported) {
  for (const LossSettings& settings : std::vector<LossSettings>{{{0.5F, 2, 3}, 0}, {{}, 2}, {{0.25F, 4, 1}, 0.5F}}) {
    Context context({}, 2);
    UNet unet(context, small_options(3));
    unet.initialize(2);
    TrainingStep step(context, unet, {}, settings);
    const Pictures p = pictures(context, 3);
    step.compute_gradients(p.x, p.labels.data());
    const std::size_t head = step.trained().size() - 2;
    ASSERT_EQ(step.trained()[head].path, "head/kernel");
    const std::vector<float> gradient = step.gradient(head).to_vector();
    double square = 0;
    for (const float g : gradient) square += static_cast<double>(g) * static_cast<double>(g);
    const Tensor& value = step.trained()[head].parameter->value;
    const std::vector<float> kept = value.to_vector();
    const double eps = 1e-4 / square;
    const auto loss_at = [&](double by) {
      std::vector<float> moved = kept;
      for (std::size_t k = 0; k < kept.size(); ++k)
        moved[k] += static_cast<float>(by * static_cast<double>(gradient[k]));
      value.assign(moved);
      return mean_loss(step.compute_gradients(p.x, p.labels.data()));
    };
    EXPECT_NEAR((loss_at(eps) - loss_at(-eps)) / (2 * eps * square), 1, 0.02) << settings.dice_weight;
  }
}

TEST(Loss, DiceAndWeightsFindRareForeground) {
  const auto found = [](const LossSettings& settings) {
    Context context({}, 2);
    UNet unet(context, small_options(2));
    unet.initialize(3);
    AdamSettings adam;
    adam.learning_rate = 3e-3F;
    TrainingStep step(context, unet, adam, settings);
    const Pictures p = pictures(context, 2);
    XentCounts counts;
    for (int s = 0; s < 12; ++s) {
      counts = step.compute_gradients(p.x, p.labels.data());
      step.update();
    }
    return counts.predicted_foreground;
  };
  const std::int64_t plain = found({});
  EXPECT_GT(found({{1, 20}, 0}), plain);
  EXPECT_GT(found({{}, 5}), plain);
}

TEST(Loss, RefusesWhatIsNoLoss) {
  Context context({}, 1);
  const auto make = [&](const LossSettings& settings) { return [&context, settings] { Loss(context, settings, 2); }; };
  expect_error(Exit::usage, "3 given for 2 classes", make({{1, 2, 3}, 0}));
  expect_error(Exit::usage, "from 0 on", make({{1, -1}, 0}));
  expect_error(Exit::usage, "not all of them 0", make({{0, 0}, 0}));
  expect_error(Exit::usage, "from 0 on", make({{1, NAN}, 0}));
  expect_error(Exit::usage, "Dice", make({{}, -1}));
}

}  // namespace
}  // namespace karyon
