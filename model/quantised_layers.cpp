#include "model/quantised_layers.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "kernels/check.h"

namespace karyon {

namespace {

std::vector<float> numbers(const Tensor& tensor) { return tensor ? tensor.to_vector() : std::vector<float>(); }

std::size_t padded(int channels) { return static_cast<std::size_t>(whole_groups(channels)); }

ByteTensor empty_bytes(Context& context, int n, int h, int w, int c) {
  const auto size = static_cast<std::size_t>(n) * static_cast<std::size_t>(h) * static_cast<std::size_t>(w) * padded(c);
  ByteTensor bytes{{}, std::make_shared<Buffer>(context, size)};
  bytes.view = ByteView(bytes.buffer->as<std::uint8_t>(), n, h, w, c, whole_groups(c));
  return bytes;
}

/// The bytes nearest to 0 after normalisation.
std::vector<std::uint8_t> border(const Normalisation& normalisation) {
  std::vector<std::uint8_t> bytes(padded(3));
  for (std::size_t c = 0; c < 3; ++c) {
    const float zero = -normalisation.shift[c] / normalisation.scale[c];
    bytes[c] = static_cast<std::uint8_t>(std::lround(std::clamp(zero, 0.0F, 255.0F)));
  }
  return bytes;
}

/// Of nine taps from each pixel of the inputs.
double multiply_adds(std::span<const int> channels, const ByteView& x, int outputs) {
  return 9.0 * static_cast<double>(x.pixels()) * std::accumulate(channels.begin(), channels.end(), 0) * outputs;
}

std::vector<ConstByteView> views(const std::vector<ByteTensor>& tensors) {
  std::vector<ConstByteView> all;
  all.reserve(tensors.size());
  for (const ByteTensor& tensor : tensors) all.emplace_back(tensor.view);
  return all;
}

}  // namespace

ByteFormat byte_format(const ActivationRanges& ranges, const std::string& layer, Activation act) {
  const auto found = ranges.find(layer);
  if (found == ranges.end()) {
    throw Error(Exit::bad_data, "the model's activation ranges lack " + layer + "; measure them anew");
  }
  const float low = act == Activation::none ? std::min(0.0F, found->second[0]) : 0.0F;
  float high = std::max(0.0F, found->second[1]);
  if (act == Activation::relu6) high = std::min(high, 6.0F);
  if (!(high > low)) return {};
  ByteFormat format;
  format.step = (high - low) / 255;
  format.zero = static_cast<int>(std::lround(-low / format.step));
  return format;
}

ByteResult::ByteResult(int outputs, const ByteFormat& format, const std::vector<float>& unit) : channels(outputs) {
  for (const float u : unit) scale.push_back(u / format.step);
  scale.resize(padded(outputs));
  output.zero = format.zero;
}

ByteOutput ByteResult::bytes() const {
  ByteOutput o = output;
  o.scale = scale.data();
  return o;
}

QuantisedConv::QuantisedConv(const ConvUnit& unit, const ByteFormat& in, const ByteFormat& out,
                             const ByteFormat* residual)
    : QuantisedConv(unit, out, residual,
                    std::vector<std::uint8_t>(padded(unit.spec().in), static_cast<std::uint8_t>(in.zero)),
                    [&](std::size_t) { return std::pair(in.step, static_cast<float>(in.zero)); }) {}

QuantisedConv::QuantisedConv(const ConvUnit& unit, const Normalisation& normalisation, const ByteFormat& out)
    : QuantisedConv(unit, out, nullptr, border(normalisation), [&](std::size_t c) {
        return std::pair(normalisation.scale[c], -normalisation.shift[c] / normalisation.scale[c]);
      }) {}

template <class Input>
QuantisedConv::QuantisedConv(const ConvUnit& unit, const ByteFormat& out, const ByteFormat* residual,
                             std::vector<std::uint8_t> pad, const Input& input)
    : unit_(unit), pad_(std::move(pad)), result_(quantise(out, residual, input)) {}

template <class Input>
ByteResult QuantisedConv::quantise(const ByteFormat& out, const ByteFormat* residual, const Input& input) {
  const ConvUnitSpec& spec = unit_.spec();
  const auto in = static_cast<std::size_t>(spec.in), outputs = static_cast<std::size_t>(spec.out);
  QuantisedKernel q = quantise_kernel(
      numbers(unit_.inference_kernel()), numbers(unit_.inference_bias()), spec.out,
      [&](std::size_t i) { return i % outputs; }, [&](std::size_t i) { return input(i / outputs % in).first; },
      [&](std::size_t i) { return input(i / outputs % in).second; });
  ByteResult result(spec.out, out, q.scale);
  if (residual != nullptr) {
    result.output.residual_scale = residual->step / out.step;
    for (std::size_t o = 0; o < outputs; ++o) {  // the residual's zero goes off the sum
      const float zero = static_cast<float>(residual->zero) * residual->step;
      q.bias[o] -= static_cast<std::int32_t>(std::lround(zero / q.scale[o]));
    }
  }
  product_ =
      pack_conv_int8(q.weights.data(), q.bias.data(), spec.in, spec.out, unit_.geometry(kSizeMultiple, kSizeMultiple));
  return result;
}

ByteTensor QuantisedConv::operator()(Context& context, const ConstByteView& x, const ByteTensor* residual) const {
  const ConvGeometry g = unit_.geometry(x.h, x.w);
  ByteTensor y =
      residual != nullptr ? *residual : empty_bytes(context, x.n, g.out_h(x.h), g.out_w(x.w), result_.channels);
  const ProfileScope scope(context.profile(), g.kernel_h == 1 ? "conv 1x1 int8" : "conv int8",
                           static_cast<double>(y.view.size()) * g.kernel_h * g.kernel_w * x.c);
  conv_int8(context.stream(), x, pad_.data(), product_, g, result_.bytes(),
            residual != nullptr ? ConstByteView(y.view) : ConstByteView(), y.view);
  return y;
}

QuantisedDepthwise::QuantisedDepthwise(const ConvUnit& unit, const ByteFormat& in, const ByteFormat& out)
    : unit_(unit) {
  KARYON_CHECK(in.zero == 0, "a depthwise convolution reads what an activation wrote");
  const int channels = unit.spec().out;
  const std::vector<float> kernel = numbers(unit.inference_kernel());
  std::vector<float> scales = depthwise_scales(kernel, channels);
  for (float& scale : scales) scale *= in.step;
  const QuantisedKernel q = quantise_kernel(
      kernel, numbers(unit.inference_bias()), channels,
      [&](std::size_t i) { return i % static_cast<std::size_t>(channels); }, [&](std::size_t) { return in.step; },
      [](std::size_t) { return 0.0F; }, scales);
  const ByteResult result(channels, out, q.scale);
  output_ = result.output;
  packed_ = pack_depthwise_int8(q.weights.data(), q.bias.data(), result.scale.data(), channels);
}

ByteTensor QuantisedDepthwise::operator()(Context& context, const ConstByteView& x) const {
  const ConvGeometry g = unit_.geometry(x.h, x.w);
  ByteTensor y = empty_bytes(context, x.n, g.out_h(x.h), g.out_w(x.w), x.c);
  const ProfileScope scope(context.profile(), "depthwise int8", 9.0 * static_cast<double>(y.view.size()));
  depthwise_conv_int8(context.stream(), x, packed_, g, output_, y.view);
  return y;
}

void QuantisedInputs::add(int channels, const ByteFormat& format) {
  channels_.push_back(channels);
  zeros_.push_back(format.zero);
  steps_.push_back(format.step);
  pads_.emplace_back(padded(channels), static_cast<std::uint8_t>(format.zero));
}

QuantisedKernel QuantisedInputs::quantise(const Tensor& kernel, const Tensor& bias) const {
  const auto in = static_cast<std::size_t>(kernel.shape()[3]), out = static_cast<std::size_t>(kernel.shape()[2]);
  const auto first = static_cast<std::size_t>(channels_[0]);
  return quantise_kernel(
      numbers(kernel), numbers(bias), kernel.shape()[2], [&](std::size_t i) { return i / in % out; },
      [&](std::size_t i) { return steps_[i % in < first ? 0 : 1]; }, [](std::size_t) { return 0.0F; });
}

std::vector<const std::uint8_t*> QuantisedInputs::pads() const {
  std::vector<const std::uint8_t*> all;
  for (const auto& pad : pads_) all.push_back(pad.data());
  return all;
}

QuantisedUpsampler::QuantisedUpsampler(const Upsampler& up, QuantisedInputs inputs, const ByteFormat& out)
    : inputs_(std::move(inputs)), result_(quantise(up, out)) {}

ByteResult QuantisedUpsampler::quantise(const Upsampler& up, const ByteFormat& out) {
  const QuantisedKernel q = inputs_.quantise(up.folded().kernel, up.folded().bias);
  packed_ =
      pack_conv_transpose_int8(q.weights.data(), q.bias.data(), inputs_.channels(), inputs_.zeros(), up.filters());
  return {up.filters(), out, q.scale};
}

ByteTensor QuantisedUpsampler::operator()(Context& context, const std::vector<ByteTensor>& inputs) const {
  const ByteView& x = inputs[0].view;
  ByteTensor y = empty_bytes(context, x.n, 2 * x.h, 2 * x.w, result_.channels);
  const ProfileScope scope(context.profile(), "conv_transpose int8", multiply_adds(inputs_.channels(), x, y.view.c));
  conv_transpose_int8(context.stream(), views(inputs), inputs_.pads(), packed_, result_.bytes(), y.view);
  return y;
}

QuantisedHead::QuantisedHead(const UNet& unet, QuantisedInputs inputs) : inputs_(std::move(inputs)) {
  QuantisedKernel q = inputs_.quantise(unet.head_kernel(), unet.head_bias());
  packed_ =
      pack_head_int8(q.weights.data(), q.bias.data(), inputs_.channels(), inputs_.zeros(), unet.options().classes);
  scale_ = std::move(q.scale);
}

void QuantisedHead::operator()(Context& context, const std::vector<ByteTensor>& inputs, const FloatView& logits) const {
  const ProfileScope scope(context.profile(), "head int8", multiply_adds(inputs_.channels(), inputs[0].view, logits.c));
  head_int8(context.stream(), views(inputs), inputs_.pads(), packed_, scale_.data(), logits);
}

}  // namespace karyon
