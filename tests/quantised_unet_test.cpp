// The network in bytes against the same network in float: how near, and that nothing but the pictures decides.
#include "model/quantised_unet.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "engine/random.h"
#include "model/quantised_kernel.h"
#include "tests/expect_error.h"

namespace karyon {
namespace {

struct Images {
  int n, h, w;
  std::vector<std::uint8_t> bytes;  // and one to read

  Images(int count, int height, int width, std::uint64_t seed) : n(count), h(height), w(width) {
    for (int i = 0; i < n * h * w; ++i) {
      // Blocks, so that there is something to see at every scale.
      RandomStream block(seed, Purpose::bench, static_cast<std::uint32_t>(i / w / 8 * 1000 + i % w / 8));
      for (int c = 0; c < 3; ++c) bytes.push_back(static_cast<std::uint8_t>(block.below(256)));
    }
    bytes.push_back(0);
  }
  [[nodiscard]] Tensor normalised(Context& context, const Normalisation& normalisation) const {
    std::vector<float> values;
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
      values.push_back(static_cast<float>(bytes[i]) * normalisation.scale[i % 3] + normalisation.shift[i % 3]);
    }
    return Tensor::from(context, {n, h, w, 3}, values);
  }
};

/// Folded, of random weights, with the ranges of its activations on a few images.
struct Networks {
  Context context;
  UNet unet;
  Normalisation normalisation;
  ActivationRanges ranges;

  Networks(const UNetOptions& options, const Normalisation& n, int threads = 2)
      : context(Device{}, threads), unet(context, options), normalisation(n) {
    unet.initialize(3);
    const Tensor x = Images(4, 64, 64, 5).normalised(context, normalisation);
    Tape tape(context);
    unet.forward(tape, x);  // so that every layer's results are of one size, and all matter
    unet.fold();
    RangeMeter meter;
    unet.infer(x, meter.observer());
    ranges = meter.ranges();
  }
};

UNetOptions small(int classes, PaddingRule padding) {
  UNetOptions options;
  options.encoder.width = 0.35;
  options.encoder.padding = padding;
  options.filters = {24, 20, 16, 9};
  options.classes = classes;
  options.encoder.momentum = options.momentum = 0;  // one step gives batch norm its statistics
  return options;
}

constexpr Normalisation kMeans{{1 / 58.4F, 1 / 57.1F, 1 / 57.4F}, {-2.1F, -2.0F, -1.8F}};

TEST(QuantisedUNet, IsNearTheNetworkInFloat) {
  for (const int classes : {2, 3}) {
    for (const bool same : {true, false}) {
      Networks nets(small(classes, same ? PaddingRule::same : PaddingRule::symmetric), same ? Normalisation() : kMeans);
      const QuantisedUNet quantised(nets.context, nets.unet, nets.normalisation, nets.ranges);
      const Images images(3, 64, 96, 6);
      const Tensor in_bytes = quantised.infer(images.bytes.data(), images.n, images.h, images.w);
      const Tensor in_float = nets.unet.infer(images.normalised(nets.context, nets.normalisation));
      ASSERT_EQ(in_bytes.shape(), in_float.shape());
      const std::vector<float> a = in_bytes.to_vector(), b = in_float.to_vector();
      const double mean = std::accumulate(b.begin(), b.end(), 0.0) / static_cast<double>(b.size());
      double error = 0, signal = 0;
      for (std::size_t i = 0; i < a.size(); ++i) {
        error += std::pow(a[i] - b[i], 2);
        signal += std::pow(b[i] - mean, 2);
      }
      // 60 layers of 8 bits; a layer with a wrong zero, border or tap is off by far more.
      EXPECT_LT(error, 0.02 * signal) << classes << " classes, " << (same ? "SAME" : "symmetric");
    }
  }
}

TEST(QuantisedUNet, NeitherThreadsNorBatchesChangeABit) {
  const Images images(11, 128, 96, 7);
  std::vector<float> first;
  for (const int threads : {1, 2, 3}) {
    Networks nets(small(2, PaddingRule::same), {}, 1);
    Context context(Device{}, threads);
    const QuantisedUNet quantised(context, nets.unet, {}, nets.ranges);
    const std::vector<float> all = quantised.infer(images.bytes.data(), images.n, images.h, images.w).to_vector();
    if (first.empty()) first = all;
    EXPECT_EQ(all, first) << threads << " threads";
    const std::size_t bytes = static_cast<std::size_t>(images.h) * static_cast<std::size_t>(images.w) * 3;
    const std::vector<float> one = quantised.infer(images.bytes.data() + 10 * bytes, 1, images.h, images.w).to_vector();
    EXPECT_TRUE(std::equal(one.begin(), one.end(), all.end() - static_cast<std::ptrdiff_t>(one.size())));
  }
}

TEST(QuantisedUNet, RefusesRangesOfAnotherNetwork) {
  Networks nets(small(2, PaddingRule::same), {});
  nets.ranges.erase("block_5_depthwise");
  expect_error(Exit::bad_data, "lack block_5_depthwise",
               [&] { QuantisedUNet(nets.context, nets.unet, {}, nets.ranges); });
}

TEST(RangeMeter, SeesEveryLayerAndLeavesOutTheRarest) {
  Networks nets(small(2, PaddingRule::same), {});
  EXPECT_EQ(nets.ranges.size(), 1U + 2U + 16U * 3U + 4U);  // the stem, the blocks, the upsamplers
  for (const auto& [layer, range] : nets.ranges) {
    EXPECT_LT(range[0], range[1]) << layer;
    EXPECT_TRUE(range[0] >= 0 || layer.ends_with("project")) << layer;
  }
  RangeMeter meter;
  std::vector<float> values(30000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 1000);
  values[12345] = 1e6F;
  values[1234] = -1e6F;
  for (int batch = 0; batch < 3; ++batch) {
    meter.observer()("layer", Tensor::from(nets.context, {1, 1, 10000, 3}, values));
    values[12345] = 0;
  }
  EXPECT_EQ(meter.ranges().at("layer"), (std::array<float, 2>{0, 999}));
}

TEST(QuantisedKernel, RoundsToNearestAndKeepsTheBias) {
  const std::vector<float> kernel{1.27F, -0.5F, 0.014F, 0.25F, 0, 0};  // [3][2]: outputs 0 and 1
  const auto step = [](std::size_t i) { return i / 2 == 1 ? 10.0F : 1.0F; };
  const QuantisedKernel q = quantise_kernel(
      kernel, std::vector{0.5F, -3.0F}, 2, [](std::size_t i) { return i % 2; }, step,
      [](std::size_t i) { return i / 2 == 1 ? 4.0F : 0.0F; });
  EXPECT_EQ(q.weights, (std::vector<std::int8_t>{127, -25, 14, 127, 0, 0}));
  EXPECT_FLOAT_EQ(q.scale[0], 0.01F);
  EXPECT_FLOAT_EQ(q.scale[1], 2.5F / 127);
  EXPECT_EQ(q.bias, (std::vector<std::int32_t>{50 - 14 * 4, -152 - 127 * 4}));
}

TEST(QuantisedKernel, AChannelOfNothingButItsBias) {
  const QuantisedKernel q = quantise_kernel(
      std::vector<float>(4), std::vector{7.0F, 0.0F}, 2, [](std::size_t i) { return i % 2; },
      [](std::size_t) { return 1.0F; }, [](std::size_t) { return 0.0F; });
  EXPECT_FLOAT_EQ(q.scale[0] * static_cast<float>(q.bias[0]), 7.0F);
  EXPECT_EQ(q.bias[1], 0);
}

TEST(QuantisedKernel, TheTapsOfADepthwiseChannelAddUpRight) {
  constexpr int kChannels = 50;
  RandomStream random(8, Purpose::bench);
  std::vector<float> kernel(9 * kChannels);
  for (float& value : kernel) value = random.uniform(-1, 1);
  const std::vector<float> scales = depthwise_scales(kernel, kChannels);
  double plain = 0, chosen = 0;
  for (std::size_t c = 0; c < kChannels; ++c) {
    float largest = 0;
    for (std::size_t i = c; i < kernel.size(); i += kChannels) largest = std::max(largest, std::abs(kernel[i]));
    EXPECT_GE(scales[c], 0.999F * largest / 127);
    EXPECT_LE(scales[c], 1.251F * largest / 127);
    const auto off = [&](float scale) {
      double sum = 0;
      for (std::size_t i = c; i < kernel.size(); i += kChannels) {
        sum += static_cast<double>(std::round(kernel[i] / scale) * scale - kernel[i]);
      }
      return std::abs(sum);
    };
    plain += off(largest / 127);
    chosen += off(scales[c]);
  }
  EXPECT_LT(chosen, plain / 10);
}

}  // namespace
}  // namespace karyon
