// Batch norm measured anew: inference stays, training comes to it.
#include "model/reestimate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "engine/random.h"

namespace karyon {
namespace {

constexpr int kImages = 4, kSide = 64;

/// An encoder as a folded file gives it: gamma sqrt(1 + epsilon), beta the bias, mean 0 and variance 1; kernels and
/// biases such that channels differ in size.
std::unique_ptr<MobileNetV2> folded_encoder(Context& context) {
  EncoderOptions options;
  options.width = 0.35;
  auto encoder = std::make_unique<MobileNetV2>(context, "encoder", options);
  encoder->initialize(3);
  RandomStream random(4, Purpose::bench);
  for (const NamedParameter& p : encoder->parameters()) {
    std::vector<float> values = p.parameter->value.to_vector();
    if (p.parameter->name == "gamma") std::fill(values.begin(), values.end(), std::sqrt(1 + options.epsilon));
    if (p.parameter->name == "beta") {
      for (float& value : values) value = random.uniform(0, 1);
    }
    p.parameter->value.assign(values);
  }
  return encoder;
}

struct Pictures {
  std::vector<std::uint8_t> images = std::vector<std::uint8_t>(kImages * kSide * kSide * 3), labels;
  std::vector<std::int32_t> indices = std::vector<std::int32_t>(kImages);
  Pictures() : labels(images.size() / 3) {
    RandomStream random(5, Purpose::bench);
    for (std::size_t i = 0; i < images.size(); ++i) {  // each image brighter than the one before
      images[i] = static_cast<std::uint8_t>(random.below(64) + 60 * (i / (images.size() / kImages)));
    }
    std::iota(indices.begin(), indices.end(), 0);
  }
};

std::vector<std::vector<float>> taps(const MobileNetV2::Taps& tensors) {
  std::vector<std::vector<float>> result;
  for (const Tensor& tap : tensors) result.push_back(tap.to_vector());
  return result;
}

/// The largest difference of a tap, in parts of its largest element.
double apart(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b) {
  double result = 0;
  for (std::size_t tap = 0; tap < a.size(); ++tap) {
    double worst = 0, most = 0;
    for (std::size_t i = 0; i < a[tap].size(); ++i) {
      worst = std::max(worst, static_cast<double>(std::abs(a[tap][i] - b[tap][i])));
      most = std::max(most, static_cast<double>(std::abs(a[tap][i])));
    }
    result = std::max(result, worst / most);
  }
  return result;
}

struct Outcome {
  std::vector<std::vector<float>> inferred, trained;
};

/// What the encoder gives for all pictures in inference and in training mode.
Outcome outcome(Context& context, MobileNetV2& encoder, const Tensor& x) {
  encoder.fold(context);
  Tape tape(context, false);
  Outcome result;
  result.inferred = taps(encoder.infer(context, x));
  result.trained = taps(encoder.forward(tape, x));
  return result;
}

TEST(Reestimate, LeavesInferenceAndBringsTrainingToIt) {
  Context context({}, 2);
  const Pictures p;
  const ResidentSet set(context, p.images, p.labels, kSide, kSide);
  Batches all(context, set, p.indices, kImages, {}, ElementType::f32);
  Batches parts(context, set, p.indices, 3, {}, ElementType::f32);  // of 3 and of 1: weighted by their pixels
  all.begin_in_order();
  const Tensor x = all.next(kImages).x;
  // Training mode moves the moving statistics, so each outcome has an encoder of its own.
  const Outcome before = outcome(context, *folded_encoder(context), x);
  EXPECT_GT(apart(before.inferred, before.trained), 0.1) << "without it training is another network";
  const auto encoder = folded_encoder(context);
  reestimate_batch_norm(context, *encoder, parts, 10);
  const Outcome after = outcome(context, *encoder, x);
  EXPECT_LT(apart(before.inferred, after.inferred), 1e-4);
  EXPECT_LT(apart(after.inferred, after.trained), 2e-3);
}

TEST(Reestimate, MeasuresTheFirstConvolutionAsByHand) {
  Context context({}, 2);
  const Pictures p;
  const ResidentSet set(context, p.images, p.labels, kSide, kSide);
  Batches batches(context, set, p.indices, 2, {}, ElementType::f32);
  const auto encoder = folded_encoder(context);
  const std::vector<float> bias = encoder->stem().norm()->beta.value.to_vector();
  reestimate_batch_norm(context, *encoder, batches, 1);  // the first two images alone
  batches.begin_in_order();
  Tape tape(context, false);
  const std::vector<float> z = encoder->stem().convolve(tape, batches.next(2).x).to_vector();
  const BatchNorm& norm = *encoder->stem().norm();
  const std::size_t channels = bias.size(), pixels = z.size() / channels;
  for (std::size_t c = 0; c < channels; ++c) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < pixels; ++i) sum += static_cast<double>(z[i * channels + c]);
    const double mean = sum / static_cast<double>(pixels);
    for (std::size_t i = 0; i < pixels; ++i) squares += std::pow(static_cast<double>(z[i * channels + c]) - mean, 2);
    const double variance = squares / static_cast<double>(pixels);
    EXPECT_NEAR(static_cast<double>(norm.moving_mean.value.to_vector()[c]), mean, 1e-5);
    EXPECT_NEAR(static_cast<double>(norm.moving_variance.value.to_vector()[c]), variance, 1e-5 * variance);
    EXPECT_NEAR(static_cast<double>(norm.gamma.value.to_vector()[c]), std::sqrt(variance + 1e-3), 1e-5);
    EXPECT_NEAR(static_cast<double>(norm.beta.value.to_vector()[c]), static_cast<double>(bias[c]) + mean, 1e-5);
  }
}

}  // namespace
}  // namespace karyon
