#include "model/unet.h"

#include <utility>

#include "kernels/check.h"
#include "layers/conv_transpose.h"
#include "layers/initializer.h"

namespace karyon {

ConvGeometry upsampling_geometry() { return {3, 3, 2, 2, {0, 1, 0, 1}}; }

Upsampler::Conv::Conv(Context& context, int in, int out)
    : Module("conv_transpose"), kernel{"kernel", Tensor::zeros(context, {3, 3, out, in})} {
  add(kernel);
}

Upsampler::Upsampler(Context& context, std::string name, int in, int out, float epsilon, float momentum)
    : Module(std::move(name)), conv_(context, in, out), norm_(context, "batch_norm", out, epsilon, momentum) {
  add(conv_);
  add(norm_);
}

Tensor Upsampler::forward(Tape& tape, const std::vector<Tensor>& inputs) {
  const Tensor z = conv2d_transpose(tape, inputs, conv_.kernel.value, {}, upsampling_geometry(), inputs[0].type());
  return norm_.forward(tape, z, Activation::relu);
}

Tensor Upsampler::infer(Tape& tape, const std::vector<Tensor>& inputs) const {
  return conv2d_transpose_inference(tape, inputs, folded_.kernel, folded_.bias, Activation::relu, upsampling_geometry(),
                                    inputs[0].type());
}

void Upsampler::fold(Context& context) { folded_.assign(context, conv_.kernel.value, 2, norm_); }

UNet::Head::Head(Context& context, int in, int classes)
    : Module("head"),
      kernel{"kernel", Tensor::zeros(context, {3, 3, classes, in})},
      bias{"bias", Tensor::zeros(context, {classes})} {
  add(kernel);
  add(bias);
}

UNet::UNet(Context& context, const UNetOptions& options)
    : Module("unet"),
      context_(context),
      options_(options),
      encoder_(context, "encoder", options.encoder),
      head_(context, options.filters[kUpsamplers - 1] + encoder_.tap_channels()[0], options.classes) {
  const auto taps = encoder_.tap_channels();
  add(encoder_);
  int in = taps[kTaps - 1];
  for (int k = 0; k < kUpsamplers; ++k) {
    const auto at = static_cast<std::size_t>(k);
    upsamplers_.push_back(std::make_unique<Upsampler>(context, "up_" + std::to_string(k + 1), in, options.filters[at],
                                                      options.epsilon, options.momentum));
    add(*upsamplers_.back());
    in = options.filters[at] + taps[kTaps - 2 - at];
  }
  add(head_);
}

void UNet::initialize(std::uint64_t seed) {
  encoder_.initialize(seed);
  for (const auto& up : upsamplers_) fill_normal(up->kernel().value, 0.02F, seed, up->name());
  fill_glorot_uniform(head_.kernel.value, seed, head_.name());
  head_.bias.value.fill(0.0F);
}

std::vector<Tensor> UNet::head_inputs(Tape& tape, const Tensor& x) {
  const MobileNetV2::Taps taps = encoder_.frozen() ? encoder_.infer(context_, x) : encoder_.forward(tape, x);
  std::vector<Tensor> inputs{taps[kTaps - 1]};
  for (std::size_t k = 0; k < upsamplers_.size(); ++k) {
    inputs = {upsamplers_[k]->forward(tape, inputs), taps[kTaps - 2 - k]};
  }
  return inputs;
}

Tensor UNet::forward(Tape& tape, const Tensor& x) {
  return conv2d_transpose(tape, head_inputs(tape, x), head_.kernel.value, head_.bias.value, upsampling_geometry(),
                          ElementType::f32);
}

LogitsAndGradient UNet::forward_loss(Tape& tape, const Tensor& x, const std::uint8_t* labels, const Loss& loss,
                                     XentCounts* counts) {
  if (!loss.plain()) {
    const Tensor logits = forward(tape, x);
    return {logits, loss(context_, logits, labels, true, counts)};
  }
  return conv2d_transpose_loss(tape, head_inputs(tape, x), head_.kernel.value, head_.bias.value, upsampling_geometry(),
                               labels, counts);
}

Tensor UNet::infer(const Tensor& x, const Observer& observe) const {
  Tape no_tape(context_, false);
  MobileNetV2::Taps taps = encoder_.infer(context_, x, observe);
  std::vector<Tensor> inputs{std::move(taps[kTaps - 1])};
  for (std::size_t k = 0; k < upsamplers_.size(); ++k) {
    inputs = {upsamplers_[k]->infer(no_tape, inputs), std::move(taps[kTaps - 2 - k])};
    if (observe) observe(upsamplers_[k]->name(), inputs[0]);
  }
  return conv2d_transpose_inference(no_tape, inputs, head_.kernel.value, head_.bias.value, Activation::none,
                                    upsampling_geometry(), ElementType::f32);
}

void UNet::fold() {
  encoder_.fold(context_);
  for (const auto& up : upsamplers_) up->fold(context_);
}

}  // namespace karyon
