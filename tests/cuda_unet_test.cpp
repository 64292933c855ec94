// The whole network on CUDA (a GPU, or the SIMT machine) beside the CPU: forward, gradients, steps; steps played back
// from a graph beside steps queued one by one; mixed precision beside float32. Skipped where there is no CUDA device.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/random.h"
#include "kernels/copy.h"
#include "model/epoch_runner.h"
#include "tests/op_case.h"

namespace karyon {
namespace {

constexpr Device kCpu{}, kCuda{Device::Kind::cuda, 0};
constexpr int kSide = 32, kImages = 10, kBatch = 2;

struct Run {
  Device device = kCpu;
  bool frozen = true;
  bool graph = true;
  ElementType type = ElementType::f32;
  int epochs = 1;
  AdamSettings adam = {};
  std::vector<float> rates = std::vector<float>(5, 1e-3F);  // of an epoch's steps
  LossSettings loss = {};
  AugmentSettings augment = {};
};

struct Outcome {
  std::vector<double> losses;                  // an epoch
  std::vector<XentCounts> validation;          // an epoch
  std::vector<std::vector<float>> parameters;  // at the end, buffers too
  std::vector<float> logits;                   // of inference at the end
  OptimizerState optimizer;                    // at the end
  bool finite = true;
};

struct Bytes {
  std::vector<std::uint8_t> images, labels;
};

/// Pictures with something to learn: nuclei are where it is bright.
Bytes pictures() {
  RandomStream random(1, Purpose::bench);
  Bytes set;
  set.images.resize(static_cast<std::size_t>(kImages) * kSide * kSide * 3);
  set.labels.resize(static_cast<std::size_t>(kImages) * kSide * kSide);
  for (std::uint8_t& label : set.labels) label = static_cast<std::uint8_t>(random.below(2));
  for (std::size_t i = 0; i < set.images.size(); ++i) {
    set.images[i] = static_cast<std::uint8_t>(set.labels[i / 3] * 120 + random.below(100));
  }
  return set;
}

UNetOptions small_options() {
  UNetOptions options;
  options.encoder.width = 0.35;
  options.filters = {16, 16, 8, 8};
  options.encoder.momentum = options.momentum = 0.5F;
  return options;
}

Outcome train(const Run& run) {
  Context context(run.device, 2);
  UNet unet(context, small_options());
  unet.initialize(7);
  unet.encoder().set_frozen(run.frozen);
  TrainingStep step(context, unet, run.adam, run.loss);
  const Bytes bytes = pictures();
  const ResidentSet set(context, bytes.images, bytes.labels, kSide, kSide);
  const std::vector<std::int32_t> trained{0, 1, 2, 3, 4, 5, 6, 7, 8}, validated{9, 3, 1};
  Batches training(context, set, trained, kBatch, {}, run.type, run.augment);
  Batches validation(context, set, validated, kBatch, {}, run.type);
  EpochRunner runner(context, step, training, run.graph);
  Outcome outcome;
  for (int epoch = 1; epoch <= run.epochs; ++epoch) {
    runner.begin(3, static_cast<std::uint32_t>(epoch), run.rates);
    while (!runner.done()) runner.advance();
    const EpochCounts counts = runner.counts();
    EXPECT_EQ(counts.steps, 5);
    EXPECT_EQ(counts.bad_step, -1);
    outcome.losses.push_back(counts.sum.loss_sum / static_cast<double>(counts.sum.pixels));
    unet.fold();
    outcome.validation.push_back(evaluate(context, unet, validation, step.loss()));
  }
  for (const NamedParameter& p : unet.parameters()) outcome.parameters.push_back(p.parameter->value.to_vector());
  outcome.optimizer = step.adam().state();
  validation.begin_in_order();
  outcome.logits = unet.infer(validation.next(kBatch).x).to_vector();
  return outcome;
}

double range(const std::vector<float>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return static_cast<double>(*high) - static_cast<double>(*low);
}

double worst_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    worst = difference <= worst ? worst : difference;  // a NaN stays
  }
  return worst;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    squares += difference * difference;
  }
  return std::sqrt(squares);
}
double norm(const std::vector<float>& a) { return distance(a, std::vector<float>(a.size(), 0.0F)); }

/// The logits of a batch and every gradient of its loss.
std::vector<std::vector<float>> first_gradients(Device device, bool frozen) {
  Context context(device, 2);
  UNet unet(context, small_options());
  unet.initialize(7);
  unet.encoder().set_frozen(frozen);
  TrainingStep step(context, unet, {});
  const Bytes bytes = pictures();
  const ResidentSet set(context, bytes.images, bytes.labels, kSide, kSide);
  Batches batches(context, set, std::vector<std::int32_t>{4, 2}, kBatch, {}, ElementType::f32);
  batches.begin_in_order();
  const Batches::Batch batch = batches.next(kBatch);
  std::vector<std::vector<float>> results(1);
  Tensor logits;
  step.compute_gradients(batch.x, batch.labels, &logits);
  results[0] = logits.to_vector();
  for (std::size_t i = 0; i < step.trained().size(); ++i) results.push_back(step.gradient(i).to_vector());
  return results;
}

class CudaUNet : public ::testing::Test {
 protected:
  void SetUp() override { SKIP_WITHOUT_CUDA(); }
};

TEST_F(CudaUNet, GivesTheLogitsAndGradientsOfTheCpu) {
  for (const bool frozen : {true, false}) {
    const auto cpu = first_gradients(kCpu, frozen), cuda = first_gradients(kCuda, frozen);
    ASSERT_EQ(cpu.size(), cuda.size());
    EXPECT_LE(worst_difference(cuda[0], cpu[0]), 1e-4 * range(cpu[0])) << "logits";
    double largest = 0;
    for (std::size_t i = 1; i < cpu.size(); ++i) {
      for (const float g : cpu[i]) largest = std::max(largest, std::abs(static_cast<double>(g)));
    }
    for (std::size_t i = 1; i < cpu.size(); ++i) {
      // A gradient that is zero in theory is rounding of larger ones. Where the encoder trains, some pre-activation
      // rounds to the other side of ReLU6's kink, which moves single values: there the norm is compared.
      if (frozen) {
        EXPECT_LE(worst_difference(cuda[i], cpu[i]), 1e-3 * range(cpu[i]) + 1e-5 * largest) << "gradient " << i;
      } else {
        EXPECT_LE(distance(cuda[i], cpu[i]), 5e-2 * norm(cpu[i]) + 1e-5 * largest) << "gradient " << i;
      }
    }
  }
}

TEST_F(CudaUNet, TrainsAsTheCpuDoes) {
  const Outcome cpu = train({.device = kCpu}), cuda = train({.device = kCuda, .graph = false});
  EXPECT_NEAR(cuda.losses[0], cpu.losses[0], 1e-4);
  EXPECT_NEAR(cuda.validation[0].loss_sum, cpu.validation[0].loss_sum, 1e-2 * cpu.validation[0].loss_sum);
  EXPECT_EQ(cuda.validation[0].true_foreground, cpu.validation[0].true_foreground);
  EXPECT_LE(worst_difference(cuda.logits, cpu.logits), 2e-2 * range(cpu.logits));
}

TEST_F(CudaUNet, AGraphPlaysBackTheSameBits) {
  const Outcome queued = train({.device = kCuda, .graph = false, .epochs = 3});
  const Outcome played = train({.device = kCuda, .graph = true, .epochs = 3});
  EXPECT_EQ(queued.losses, played.losses);
  EXPECT_EQ(queued.parameters, played.parameters);
  EXPECT_EQ(queued.logits, played.logits);
  EXPECT_LT(played.losses[2], played.losses[0]) << "it learns";
}

TEST_F(CudaUNet, AGraphPlaysBackAllThatTheOptimizerIsTold) {
  karyon::Run run{.device = kCuda, .graph = false, .epochs = 2, .rates = {1e-3F, 2e-3F, 5e-4F, 3e-3F, 1e-4F}};
  run.adam.weight_decay = 0.1F;
  run.adam.clip_norm = 0.01F;
  run.adam.average_decay = 0.5F;
  const Outcome queued = train(run);
  run.graph = true;
  const Outcome played = train(run);
  EXPECT_EQ(queued.losses, played.losses);
  EXPECT_EQ(queued.parameters, played.parameters);
  EXPECT_EQ(queued.optimizer.arrays, played.optimizer.arrays);
  EXPECT_EQ(played.optimizer.steps, 10);
}

TEST_F(CudaUNet, AGraphPlaysBackEveryEpochsOwnDistortionsAndTheLoss) {
  karyon::Run run{.device = kCuda, .graph = false, .epochs = 3};
  run.loss = {{1, 3}, 0.5F};
  run.augment = {.transpose = true, .brightness = 0.2F, .colour = 0.1F, .noise = 0.05F, .scale = 0.25F};
  const Outcome queued = train(run);
  run.graph = true;
  const Outcome played = train(run);
  EXPECT_EQ(queued.losses, played.losses);
  EXPECT_EQ(queued.parameters, played.parameters);
  run = {.device = kCpu, .epochs = 1, .loss = run.loss, .augment = run.augment};
  const Outcome cpu = train(run);
  EXPECT_NEAR(played.losses[0], cpu.losses[0], 1e-3);
  EXPECT_NEAR(played.validation[0].loss_sum, cpu.validation[0].loss_sum, 1e-2 * cpu.validation[0].loss_sum);
}

TEST_F(CudaUNet, MixedPrecisionFollowsFloat32) {
  const Outcome single = train({.device = kCuda});
  const Outcome mixed = train({.device = kCuda, .type = ElementType::bf16});
  EXPECT_NEAR(mixed.losses[0], single.losses[0], 0.05 * single.losses[0]);
  EXPECT_NE(mixed.logits, single.logits) << "it is really stored in 16 bits";
  EXPECT_LE(worst_difference(mixed.logits, single.logits), 0.25 * range(single.logits));
}

}  // namespace
}  // namespace karyon
