#include "model/mobilenet_v2.h"

#include <algorithm>
#include <utility>

#include "kernels/check.h"
#include "kernels/pool.h"
#include "layers/add.h"
#include "layers/conv.h"
#include "layers/initializer.h"

namespace karyon {

int scaled_channels(double channels, double width) {
  const double exact = channels * width;
  int rounded = std::max(8, static_cast<int>(exact + 4) / 8 * 8);
  if (rounded < 0.9 * exact) rounded += 8;
  return rounded;
}

std::string block_name(int index) { return index == 0 ? "expanded_conv" : "block_" + std::to_string(index); }

/// The last 1x1 convolution, global average pooling and the classes ("predictions", a 1x1 convolution on one pixel).
struct MobileNetV2::Classifier {
  Classifier(Context& context, ConvUnitSpec last_spec, int classes)
      : last(context, std::move(last_spec)), predictions(context, last.spec().out, classes) {}

  struct Predictions final : Module {
    Predictions(Context& context, int in, int classes)
        : Module("predictions"),
          kernel{"kernel", Tensor::zeros(context, {1, 1, in, classes})},
          bias{"bias", Tensor::zeros(context, {classes})} {
      add(kernel);
      add(bias);
    }
    Parameter kernel, bias;
  };
  ConvUnit last;
  Predictions predictions;
};

void MobileNetV2::add_unit(ConvUnit& unit) {
  add(unit.conv());
  if (unit.norm() != nullptr) add(*unit.norm());
}

MobileNetV2::MobileNetV2(Context& context, std::string name, const EncoderOptions& options)
    : Module(std::move(name)), options_(options) {
  ConvUnitSpec spec;
  spec.padding = options.padding;
  spec.epsilon = options.epsilon;
  spec.momentum = options.momentum;

  spec.conv_name = "Conv1";
  spec.norm_name = "bn_Conv1";
  spec.in = 3;
  spec.out = scaled_channels(32, options.width);
  spec.kernel = 3;
  spec.stride = 2;
  spec.act = Activation::relu6;
  stem_ = std::make_unique<ConvUnit>(context, spec);
  add_unit(*stem_);

  int in = spec.out, index = 0;
  for (const BottleneckRow& row : kMobileNetV2Table) {
    for (int repeat = 0; repeat < row.n; ++repeat, ++index) {
      Block& block = blocks_.emplace_back();
      const std::string prefix = block_name(index);
      const int hidden = in * row.t;
      const auto unit = [&](const char* part, int from, int to, int kernel, int stride, bool depthwise,
                            Activation act) {
        ConvUnitSpec s = spec;
        s.conv_name = prefix + "_" + part;
        // The last projection is tapped before its batch norm, which only the classifier needs.
        const bool bare = index == 16 && act == Activation::none && options.classes == 0;
        s.norm_name = bare ? "" : s.conv_name + "_BN";
        s.in = from;
        s.out = to;
        s.kernel = kernel;
        s.stride = stride;
        s.depthwise = depthwise;
        s.act = act;
        auto made = std::make_unique<ConvUnit>(context, s);
        add_unit(*made);
        return made;
      };
      const int stride = repeat == 0 ? row.s : 1, out = scaled_channels(row.c, options.width);
      if (index > 0) block.expand = unit("expand", in, hidden, 1, 1, false, Activation::relu6);
      block.depthwise = unit("depthwise", hidden, hidden, 3, stride, true, Activation::relu6);
      block.project = unit("project", hidden, out, 1, 1, false, Activation::none);
      block.residual = stride == 1 && in == out;
      in = out;
    }
  }
  if (options.classes > 0) {
    spec.conv_name = "Conv_1";
    spec.norm_name = "Conv_1_bn";
    spec.in = in;
    spec.out = options.width > 1.0 ? scaled_channels(1280, options.width) : 1280;
    spec.kernel = 1;
    spec.stride = 1;
    classifier_ = std::make_shared<Classifier>(context, spec, options.classes);
    add_unit(classifier_->last);
    add(classifier_->predictions);
  }
}

void MobileNetV2::initialize(std::uint64_t seed) {
  for (const NamedParameter& p : parameters()) {
    if (p.parameter->name == "kernel") fill_glorot_uniform(p.parameter->value, seed, name() + "/" + p.path);
  }
}

MobileNetV2::Taps MobileNetV2::forward(Tape& tape, const Tensor& x) {
  Taps taps;
  std::size_t tap = 0;
  Tensor h = stem_->forward(tape, x);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    const Tensor expanded = block.expand ? block.expand->forward(tape, h) : h;
    if (tap < kExpandTaps.size() && kExpandTaps[tap] == i) taps[tap++] = expanded;
    const Tensor projected = block.project->forward(tape, block.depthwise->forward(tape, expanded));
    h = block.residual ? karyon::add(tape, h, projected) : projected;
  }
  KARYON_CHECK(!classifier_, "a network with a classifier is not trained");
  taps[tap] = h;
  return taps;
}

MobileNetV2::Taps MobileNetV2::infer(Context& context, const Tensor& x, const Observer& observe) const {
  Tape no_tape(context, false);
  Taps taps;
  std::size_t tap = 0;
  const auto seen = [&](const ConvUnit& unit, Tensor result) {
    if (observe) observe(unit.spec().conv_name, result);
    return result;
  };
  Tensor h = seen(*stem_, stem_->infer(no_tape, x));
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    const Tensor expanded = block.expand ? seen(*block.expand, block.expand->infer(no_tape, h)) : h;
    if (tap < kExpandTaps.size() && kExpandTaps[tap] == i) taps[tap++] = expanded;
    const Tensor spatial = seen(*block.depthwise, block.depthwise->infer(no_tape, expanded));
    if (i + 1 == blocks_.size()) {  // before its batch norm
      const Tensor& kernel = block.project->kernel().value;
      const ConvGeometry g = block.project->geometry(spatial.shape()[1], spatial.shape()[2]);
      h = Tensor::empty(context, conv2d_shape(spatial.shape(), kernel.shape(), g), spatial.type());
      conv2d_inference(no_tape, spatial, kernel, {}, {}, Activation::none, g, h);
    } else {
      h = block.project->infer(no_tape, spatial, block.residual ? h : Tensor());
    }
    seen(*block.project, h);
  }
  taps[tap] = h;
  return taps;
}

Tensor MobileNetV2::infer_logits(Context& context, const Tensor& x) const {
  KARYON_CHECK(classifier_ != nullptr, "this network has no classifier");
  Tape no_tape(context, false);
  const Tensor features = infer(context, x)[kTaps - 1];
  const BatchNorm& norm = *blocks_.back().project->norm();
  with_type(features.type(), [&]<class T>() {
    ON_DEVICE_AS((T), batch_norm_inference, context.stream(), features.view<T>(), norm.gamma.value.data(),
                 norm.beta.value.data(), norm.moving_mean.value.data(), norm.moving_variance.value.data(),
                 norm.epsilon(), Activation::none, features.view<T>());
  });
  const Tensor last = classifier_->last.infer(no_tape, features);
  const Tensor pooled = Tensor::empty(context, {last.shape()[0], 1, 1, last.shape()[3]});
  ON_DEVICE(global_average_pool, context.stream(), last.view(), pooled.view());
  const Classifier::Predictions& p = classifier_->predictions;
  const Tensor logits = Tensor::empty(context, {last.shape()[0], 1, 1, options_.classes});
  conv2d_inference(no_tape, pooled, p.kernel.value, p.bias.value, {}, Activation::none, ConvGeometry(), logits);
  return logits;
}

void MobileNetV2::fold(Context& context) {
  stem_->fold(context);
  for (const Block& block : blocks_) {
    if (block.expand) block.expand->fold(context);
    block.depthwise->fold(context);
    block.project->fold(context);
  }
  if (classifier_) classifier_->last.fold(context);
}

std::array<int, kTaps> MobileNetV2::tap_channels() const {
  std::array<int, kTaps> channels{};
  for (std::size_t i = 0; i < kExpandTaps.size(); ++i) channels[i] = blocks_[kExpandTaps[i]].expand->spec().out;
  channels[kTaps - 1] = blocks_.back().project->spec().out;
  return channels;
}

}  // namespace karyon
