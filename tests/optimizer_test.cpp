// What the optimizer does beside Adam's formula, on the CPU and on CUDA where there is some: clipping, averages, the
// encoder's learning rate, decay of kernels alone, and going on from a saved state to the same bits.
#include "engine/optimizer.h"

#include <cmath>
#include <limits>
#include <memory>

#include <gtest/gtest.h>

#include "engine/random.h"
#include "tests/op_case.h"

namespace karyon {
namespace {

std::vector<Device> devices() {
  std::vector<Device> all{{}};
  if (testing::runs_on_cuda()) all.push_back({Device::Kind::cuda, 0});
  return all;
}

/// Three parameters as of a network: the encoder's kernel, a kernel and a bias of the decoder.
struct Network {
  explicit Network(Device device, const AdamSettings& settings, float size = 1)
      : context(device, 2), values{made({3, 40}, 1, size), made({5, 7}, 2, size), made({7}, 3, size)} {
    block = std::make_unique<ParameterBlock>(context,
                                             std::vector<Tensor*>{values.data(), values.data() + 1, values.data() + 2});
    adam = std::make_unique<Adam>(context, *block, settings, kTraits);
  }

  Tensor made(const Shape& shape, std::uint32_t number, float size) {
    RandomStream random(number, Purpose::bench);
    std::vector<float> numbers(static_cast<std::size_t>(shape_size(shape)));
    for (float& x : numbers) x = size * random.normal();
    return Tensor::from(context, shape, numbers);
  }

  /// The gradients of step `number`, then the step, at a rate of the step's own.
  void step(int number) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Tensor g =
          made(values[i].shape(), static_cast<std::uint32_t>(10 * number) + static_cast<std::uint32_t>(i), 1);
      block->gradient(i).assign(g.to_vector());
    }
    adam->settings().learning_rate = 1e-2F / static_cast<float>(number);
    adam->step();
  }

  [[nodiscard]] std::vector<float> all() const { return block->values().to_vector(); }

  static constexpr ParameterTraits kTraits[] = {{.decays = true, .of_encoder = true}, {.decays = true}, {}};
  Context context;
  std::vector<Tensor> values;
  std::unique_ptr<ParameterBlock> block;
  std::unique_ptr<Adam> adam;
};

AdamSettings everything() {
  AdamSettings settings;
  settings.weight_decay = 0.1F;
  settings.clip_norm = 1.5F;
  settings.average_decay = 0.5F;
  settings.encoder_factor = 0.1F;
  return settings;
}

TEST(Optimizer, GoesOnFromASavedStateToTheSameBits) {
  for (const Device device : devices()) {
    for (const AdamSettings& settings : {AdamSettings(), everything()}) {
      Network whole(device, settings), first(device, settings), second(device, settings, 7);
      for (int k = 1; k <= 5; ++k) whole.step(k);
      for (int k = 1; k <= 2; ++k) first.step(k);
      second.adam->restore(first.adam->state());
      for (int k = 3; k <= 5; ++k) second.step(k);
      const OptimizerState expected = whole.adam->state(), state = second.adam->state();
      EXPECT_EQ(state.steps, 5);
      EXPECT_EQ(state.arrays, expected.arrays) << device.text();
      EXPECT_EQ(second.all(), whole.all());
    }
  }
}

TEST(Optimizer, AStateOfOtherSettingsIsRefused) {
  Network plain({}, {}), averaging({}, everything());
  plain.step(1);
  const std::vector<float> before = averaging.all();
  EXPECT_THROW(averaging.adam->restore(plain.adam->state()), Error);
  EXPECT_EQ(averaging.all(), before);
  EXPECT_EQ(averaging.adam->steps(), 0);
}

TEST(Optimizer, TheAverageFollowsTheWeights) {
  AdamSettings settings;
  settings.average_decay = 0.75F;
  for (const Device device : devices()) {
    Network network(device, settings);
    std::vector<double> average;
    for (int k = 1; k <= 4; ++k) {
      network.step(k);
      const std::vector<float> now = network.all();
      if (k == 1) average.assign(now.begin(), now.end());
      for (std::size_t i = 0; i < now.size(); ++i) average[i] = 0.75 * average[i] + 0.25 * static_cast<double>(now[i]);
    }
    network.adam->swap_average();
    const std::vector<float> swapped = network.all();
    for (std::size_t i = 0; i < average.size(); ++i) {
      EXPECT_NEAR(static_cast<double>(swapped[i]), average[i], 1e-6) << device.text();
    }
  }
}

TEST(Optimizer, SwappingTheAverageInAndOutLeavesNoTrace) {
  for (const Device device : devices()) {
    Network plain(device, everything()), swapping(device, everything());
    for (int k = 1; k <= 3; ++k) {
      plain.step(k);
      swapping.step(k);
      const std::uint64_t stamp = swapping.values[0].stamp();
      const OptimizerState before = swapping.adam->state();
      swapping.adam->swap_average();
      EXPECT_TRUE(swapping.adam->swapped());
      EXPECT_NE(swapping.values[0].stamp(), stamp) << "packed copies of the weights must be found stale";
      EXPECT_EQ(swapping.all(), before.arrays[3].second);
      EXPECT_EQ(swapping.adam->state().arrays, before.arrays) << "a state is of the trained weights";
      EXPECT_THROW(swapping.adam->step(nullptr), Error) << "an average is not trained";
      swapping.adam->swap_average();
    }
    EXPECT_EQ(swapping.adam->state().arrays, plain.adam->state().arrays) << device.text();
  }
}

TEST(Optimizer, ClipsByTheNormOfAllGradientsTogether) {
  AdamSettings clipping;
  clipping.clip_norm = 0.5F;
  for (const Device device : devices()) {
    Network clipped(device, clipping), scaled(device, {});
    double squares = 0;
    for (std::size_t i = 0; i < clipped.values.size(); ++i) {
      const std::vector<float> g =
          clipped.made(clipped.values[i].shape(), 40 + static_cast<std::uint32_t>(i), 1).to_vector();
      for (const float x : g) squares += static_cast<double>(x) * static_cast<double>(x);
      clipped.block->gradient(i).assign(g);
    }
    const auto factor = static_cast<float>(0.5 / std::sqrt(squares));
    for (std::size_t i = 0; i < clipped.values.size(); ++i) {
      std::vector<float> g = clipped.block->gradient(i).to_vector();
      for (float& x : g) x *= factor;
      scaled.block->gradient(i).assign(g);
    }
    clipped.adam->step();
    scaled.adam->step();
    EXPECT_NEAR(clipped.adam->gradient_norm(), std::sqrt(squares), 1e-9);
    const std::vector<float> m = clipped.adam->state().arrays[1].second,
                             of_scaled = scaled.adam->state().arrays[1].second;
    for (std::size_t i = 0; i < m.size(); ++i) EXPECT_NEAR(m[i], of_scaled[i], 1e-8F);
  }
}

TEST(Optimizer, ANormThatIsNotFiniteReachesTheWeights) {
  AdamSettings clipping;
  clipping.clip_norm = 1;
  for (const Device device : devices()) {
    for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      Network network(device, clipping);
      network.block->gradient(1).assign(std::vector<float>(35, bad));
      network.adam->step();
      EXPECT_FALSE(std::isfinite(network.adam->gradient_norm()));
      EXPECT_TRUE(std::isnan(network.values[0].to_vector()[0])) << device.text();
    }
  }
}

TEST(Optimizer, OnlyKernelsDecayAndTheEncoderAtItsOwnRate) {
  AdamSettings settings;
  settings.learning_rate = 0.5F;
  settings.weight_decay = 0.5F;
  settings.encoder_factor = 0.5F;
  for (const Device device : devices()) {
    Network network(device, settings);
    const std::vector<float> encoder = network.values[0].to_vector(), kernel = network.values[1].to_vector(),
                             bias = network.values[2].to_vector();
    network.adam->step();  // from gradients of zero: decay alone
    for (std::size_t i = 0; i < encoder.size(); ++i) EXPECT_EQ(network.values[0].to_vector()[i], encoder[i] * 0.875F);
    for (std::size_t i = 0; i < kernel.size(); ++i) EXPECT_EQ(network.values[1].to_vector()[i], kernel[i] * 0.75F);
    EXPECT_EQ(network.values[2].to_vector(), bias);
  }
}

TEST(Optimizer, TheEncoderTakesSmallerSteps) {
  AdamSettings settings;
  settings.encoder_factor = 0.25F;
  for (const Device device : devices()) {
    Network network(device, settings, 0);
    for (std::size_t i = 0; i < 3; ++i) network.block->gradient(i).fill(1);
    network.adam->step();
    EXPECT_NEAR(network.values[0].to_vector()[0], -0.25e-3F, 1e-9F);
    EXPECT_NEAR(network.values[1].to_vector()[0], -1e-3F, 1e-8F);
    EXPECT_NEAR(network.values[2].to_vector()[6], -1e-3F, 1e-8F);
    const OptimizerState state = network.adam->state();
    EXPECT_EQ(state.arrays[1].first, "m");
    EXPECT_NEAR(state.arrays[1].second[0], 0.1F, 1e-6F);
    EXPECT_EQ(state.arrays[2].first, "v");
    EXPECT_NEAR(state.arrays[2].second[0], 1e-3F, 1e-6F);
  }
}

}  // namespace
}  // namespace karyon
