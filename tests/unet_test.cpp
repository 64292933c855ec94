// The network as a whole, without reference files: gradients against differences of the loss, training against
// inference, what a frozen encoder costs, memory, and bits.
#include "model/unet.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "engine/random.h"
#include "kernels/check.h"
#include "model/summary.h"
#include "model/training_step.h"

namespace karyon {
namespace {

constexpr int kBatch = 3, kSide = 64;

UNetOptions small_options() {
  UNetOptions options;
  options.encoder.width = 0.35;
  options.filters = {24, 16, 16, 8};
  return options;
}

Tensor random_images(Context& context, std::uint64_t seed) {
  Tensor x = Tensor::empty(context, {kBatch, kSide, kSide, 3});
  RandomStream random(seed, Purpose::bench);
  std::generate_n(x.data(), x.size(), [&] { return random.uniform(-1, 1); });
  return x;
}

/// Labels that can be learned: where the red channel is bright.
std::vector<std::uint8_t> labels_of(const Tensor& x) {
  const FloatView v = x.view();
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(v.pixels()));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = v.pixel(static_cast<std::int64_t>(i))[0] > 0.3F ? 1 : 0;
  return labels;
}

TEST(UNet, GivesLogitsOfTheImagesSize) {
  Context context({}, 2);
  UNetOptions options = small_options();
  options.classes = 3;
  UNet unet(context, options);
  unet.initialize(1);
  unet.fold();
  const Tensor x = Tensor::zeros(context, {2, 32, 96, 3});
  EXPECT_EQ(unet.infer(x).shape(), (Shape{2, 32, 96, 3}));
  Tape tape(context);
  EXPECT_EQ(unet.forward(tape, x).shape(), (Shape{2, 32, 96, 3}));
}

TEST(UNet, GradientIsTheSlopeOfTheLoss) {
  Context context({}, 2);
  UNet unet(context, small_options());
  unet.initialize(2);
  TrainingStep step(context, unet, {});
  const Tensor x = random_images(context, 2);
  const auto labels = labels_of(x);
  step.compute_gradients(x, labels.data());
  // One direction for each parameter: along its own gradient, by a step so small that the loss is straight.
  std::vector<std::vector<float>> gradients;
  for (std::size_t i = 0; i < step.trained().size(); ++i) gradients.push_back(step.gradient(i).to_vector());
  const auto loss = [&] {
    const XentCounts counts = step.compute_gradients(x, labels.data());
    return counts.loss_sum / static_cast<double>(counts.pixels);
  };
  int checked = 0;
  for (std::size_t i = 0; i < gradients.size(); i += 7) {
    double square = 0;
    for (const float g : gradients[i]) square += static_cast<double>(g) * static_cast<double>(g);
    if (square < 1e-9) continue;  // the loss itself is a float sum: too flat to see
    Tensor& value = step.trained()[i].parameter->value;
    const std::vector<float> kept = value.to_vector();
    const auto eps = static_cast<float>(4e-6 / square);
    const auto moved = [&](float by) {
      for (std::size_t k = 0; k < kept.size(); ++k) value.data()[k] = kept[k] + by * gradients[i][k];
      value.mark_changed();
      return loss();
    };
    const double slope = (moved(eps) - moved(-eps)) / (2.0 * static_cast<double>(eps));
    moved(0);
    EXPECT_NEAR(slope / square, 1.0, 0.05) << step.trained()[i].path;
    ++checked;
  }
  EXPECT_GT(checked, 10);
}

TEST(UNet, NamesTheFirstBadGradient) {
  Context context({}, 2);
  UNet unet(context, small_options());
  unet.initialize(3);
  TrainingStep step(context, unet, {});
  const Tensor x = random_images(context, 3);
  const auto labels = labels_of(x);
  step.compute_gradients(x, labels.data());
  EXPECT_EQ(first_bad_gradient(step), "");
  for (const std::size_t i : {std::size_t{9}, std::size_t{4}}) {
    const Tensor& gradient = step.gradient(i);
    std::vector<float> values = gradient.to_vector();
    values.back() = i == 9 ? std::nanf("") : HUGE_VALF;
    gradient.assign(values);
    EXPECT_EQ(first_bad_gradient(step), step.trained()[i].path);
  }
}

// With gradients of zero, decay alone moves: the kernels, and the encoder's at its own rate.
TEST(UNet, KernelsAloneDecay) {
  Context context({}, 2);
  UNet unet(context, small_options());
  unet.initialize(3);
  AdamSettings settings;
  settings.learning_rate = 0.5F;
  settings.weight_decay = 0.5F;
  settings.encoder_factor = 0.5F;
  TrainingStep step(context, unet, settings);
  std::vector<std::vector<float>> before;
  for (const NamedParameter& p : step.trained()) before.push_back(p.parameter->value.to_vector());
  step.update();
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::string& path = step.trained()[i].path;
    const float kept = !path.ends_with("/kernel") ? 1.0F : path.starts_with("encoder/") ? 0.875F : 0.75F;
    for (float& value : before[i]) value *= kept;
    EXPECT_EQ(step.trained()[i].parameter->value.to_vector(), before[i]) << path;
  }
}

TEST(UNet, LearnsWhatCanBeLearned) {
  Context context({}, 2);
  UNet unet(context, small_options());
  unet.initialize(3);
  AdamSettings settings;
  settings.learning_rate = 3e-3F;
  TrainingStep step(context, unet, settings);
  const Tensor x = random_images(context, 3);
  const auto labels = labels_of(x);
  double first = 0, last = 0;
  for (int s = 0; s < 25; ++s) {
    const XentCounts counts = step.compute_gradients(x, labels.data());
    step.update();
    last = counts.loss_sum / static_cast<double>(counts.pixels);
    if (s == 0) first = last;
  }
  EXPECT_LT(last, 0.8 * first);
}

TEST(UNet, FoldedInferenceIsBatchNormWithTheMovingStatistics) {
  // With momentum 0 the moving statistics after one pass are the batch's, so inference must give the training logits.
  Context context({}, 2);
  UNetOptions options = small_options();
  options.momentum = 0;
  options.encoder.momentum = 0;
  UNet unet(context, options);
  unet.initialize(4);
  const Tensor x = random_images(context, 4);
  Tape tape(context, false);
  const std::vector<float> trained = unet.forward(tape, x).to_vector();
  unet.fold();
  const std::vector<float> inferred = unet.infer(x).to_vector();
  double worst = 0, most = 0;
  for (std::size_t i = 0; i < trained.size(); ++i) {
    worst = std::max(worst, static_cast<double>(std::abs(trained[i] - inferred[i])));
    most = std::max(most, static_cast<double>(std::abs(trained[i])));
  }
  EXPECT_LT(worst, 2e-4 * most);
  EXPECT_GT(most, 0.01);
}

TEST(UNet, FrozenEncoderIsNeverTouchedAndCostsNoGradient) {
  Context context({}, 2);
  UNet unet(context, small_options());
  unet.initialize(5);
  unet.encoder().set_frozen(true);
  std::vector<std::vector<float>> before;
  for (const NamedParameter& p : unet.encoder().parameters()) before.push_back(p.parameter->value.to_vector());
  TrainingStep step(context, unet, {});
  for (const NamedParameter& p : step.trained()) EXPECT_FALSE(p.path.starts_with("encoder/")) << p.path;
  EXPECT_EQ(step.trained().size(), 4U * 3U + 2U);
  const Tensor x = random_images(context, 5);
  const auto labels = labels_of(x);
  context.profile().enable(true);
  step.compute_gradients(x, labels.data());
  step.update();
  const std::string table = context.profile().table(1);
  EXPECT_EQ(table.find("conv2d backward"), std::string::npos) << table;
  EXPECT_EQ(table.find("depthwise backward"), std::string::npos) << table;
  std::size_t i = 0;
  for (const NamedParameter& p : unet.encoder().parameters())
    EXPECT_EQ(p.parameter->value.to_vector(), before[i++]) << p.path;
}

TEST(UNet, AsksTheDeviceForNothingAfterTheFirstStep) {
  for (const bool frozen : {true, false}) {
    Context context({}, 2);
    UNet unet(context, small_options());
    unet.initialize(6);
    unet.encoder().set_frozen(frozen);
    TrainingStep step(context, unet, {});
    const Tensor x = random_images(context, 6);
    const auto labels = labels_of(x);
    step.compute_gradients(x, labels.data());
    step.update();
    const std::uint64_t allocations = context.memory().figures().device_allocations;
    for (int s = 0; s < 3; ++s) {
      step.compute_gradients(x, labels.data());
      step.update();
    }
    EXPECT_EQ(context.memory().figures().device_allocations, allocations) << "frozen " << frozen;
  }
}

TEST(UNet, RepeatsItselfBitForBit) {
  std::vector<std::vector<float>> weights[2];
  for (auto& result : weights) {
    Context context({}, 2);
    UNet unet(context, small_options());
    unet.initialize(7);
    TrainingStep step(context, unet, {});
    const Tensor x = random_images(context, 7);
    const auto labels = labels_of(x);
    for (int s = 0; s < 3; ++s) {
      step.compute_gradients(x, labels.data());
      step.update();
    }
    for (const NamedParameter& p : unet.parameters()) result.push_back(p.parameter->value.to_vector());
  }
  EXPECT_EQ(weights[0], weights[1]);
}

TEST(UNet, InitialWeightsFollowTheSeed) {
  Context context({}, 1);
  UNet a(context, small_options()), b(context, small_options()), c(context, small_options());
  a.initialize(1);
  b.initialize(1);
  c.initialize(2);
  const auto kernel = [](UNet& unet) { return unet.upsamplers()[0]->kernel().value.to_vector(); };
  EXPECT_EQ(kernel(a), kernel(b));
  EXPECT_NE(kernel(a), kernel(c));
  double sum = 0, squares = 0;
  for (const float v : kernel(a)) {
    sum += static_cast<double>(v);
    squares += static_cast<double>(v) * static_cast<double>(v);
  }
  const auto n = static_cast<double>(kernel(a).size());
  EXPECT_NEAR(sum / n, 0.0, 4 * 0.02 / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(squares / n), 0.02, 0.001);
}

TEST(MobileNetV2, RoundsChannelsAsKerasDoes) {
  // _make_divisible(filters * alpha, 8) of keras.applications.
  EXPECT_EQ(scaled_channels(32, 0.35), 16);
  EXPECT_EQ(scaled_channels(16, 0.35), 8);
  EXPECT_EQ(scaled_channels(24, 0.5), 16);
  EXPECT_EQ(scaled_channels(32, 0.75), 24);
  EXPECT_EQ(scaled_channels(96, 1.3), 128);
  EXPECT_EQ(scaled_channels(160, 1.4), 224);
  EXPECT_EQ(scaled_channels(320, 1.0), 320);
}

TEST(MobileNetV2, HasThePublishedSize) {
  // Keras: MobileNetV2 with top has 3,538,984 parameters; without top 2,257,984, of which this encoder, which ends
  // before the last projection's batch norm, lacks that (4 * 320), Conv_1 (320 * 1280) and its batch norm (4 * 1280).
  Context context({}, 1);
  const auto count = [](MobileNetV2& net) {
    std::int64_t total = 0;
    for (const NamedParameter& p : net.parameters()) total += p.parameter->value.size();
    return total;
  };
  EncoderOptions options;
  MobileNetV2 encoder(context, "encoder", options);
  EXPECT_EQ(count(encoder), 2257984 - 4 * 320 - 320 * 1280 - 4 * 1280);
  EXPECT_EQ(encoder.tap_channels(), (std::array<int, kTaps>{96, 144, 192, 576, 320}));
  options.classes = 1000;
  MobileNetV2 whole(context, "mobilenet", options);
  EXPECT_EQ(count(whole), 3538984);
}

TEST(MobileNetV2, ClassifierGivesOneLogitAClassAndRefusesTraining) {
  Context context({}, 2);
  EncoderOptions options;
  options.width = 0.35;
  options.classes = 10;
  MobileNetV2 net(context, "mobilenet", options);
  net.initialize(1);
  net.fold(context);
  const Tensor x = random_images(context, 8);
  EXPECT_EQ(net.infer_logits(context, x).shape(), (Shape{kBatch, 1, 1, 10}));
  Tape tape(context);
  EXPECT_THROW(static_cast<void>(net.forward(tape, x)), Error);
}

TEST(Padding, IsTensorFlowsOrPyTorchs) {
  EXPECT_EQ(conv_padding(PaddingRule::same, 3, 2, 128, 97), (Padding{0, 1, 1, 1}));
  EXPECT_EQ(conv_padding(PaddingRule::same, 3, 1, 5, 4), (Padding{1, 1, 1, 1}));
  EXPECT_EQ(conv_padding(PaddingRule::same, 1, 1, 5, 4), (Padding{0, 0, 0, 0}));
  EXPECT_EQ(conv_padding(PaddingRule::symmetric, 3, 2, 128, 97), (Padding{1, 1, 1, 1}));
}

TEST(Summary, CountsWhatTheDesignCounts) {
  Context context({}, 1);
  UNet unet(context, UNetOptions());
  unet.encoder().set_frozen(true);
  const ModelSummary summary = summarise(unet, 128, 128);
  std::int64_t rows = 0, encoder_work = 0;
  for (const LayerRow& row : summary.layers) {
    rows += row.parameters;
    if (!row.name.starts_with("up_") && row.name != "head") encoder_work += row.multiply_adds;
  }
  EXPECT_EQ(rows, summary.parameters) << "the rows account for every parameter";
  // Decoder: 9 taps x in x out at each input pixel.
  EXPECT_EQ(summary.multiply_adds - encoder_work, 9LL * (4 * 4 * 320 * 512 + 8 * 8 * 1088 * 256 + 16 * 16 * 448 * 128 +
                                                         32 * 32 * 272 * 64 + 64 * 64 * 160 * 2));
  EXPECT_NEAR(static_cast<double>(encoder_work), 91e6, 1e6);
  const std::int64_t decoder =
      9LL * (320 * 512 + 1088 * 256 + 448 * 128 + 272 * 64 + 160 * 2) + 2 + 2LL * (512 + 256 + 128 + 64);
  EXPECT_EQ(summary.trainable, decoder);
  for (const LayerRow& row : summary.layers) {
    const bool is_encoder = !row.name.starts_with("up_") && row.name != "head" && row.name != "input";
    EXPECT_EQ(row.frozen, is_encoder) << row.name;
  }
  const std::string text = summary_text(summary);
  EXPECT_NE(text.find("block_13_expand_relu"), std::string::npos);
  EXPECT_NE(text.find("up_2/conv_transpose"), std::string::npos);
}

}  // namespace
}  // namespace karyon
