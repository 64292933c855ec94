#include "model/quantised_unet.h"

#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "kernels/check.h"
#include "kernels/conv_int8.h"
#include "kernels/conv_transpose_int8.h"
#include "kernels/depthwise_conv_int8.h"
#include "model/quantised_kernel.h"

namespace karyon {

namespace {

constexpr std::int64_t kPixelsInCache = 8 * 128 * 128;  // of images that go through the network together

/// How a layer's result stands in bytes.
struct Format {
  float step = 1;
  int zero = 0;
};

/// Activations in bytes, shared by handle.
struct Bytes {
  ByteView view;
  Format format;
  std::shared_ptr<Buffer> buffer;
};

Bytes empty_bytes(Context& context, int n, int h, int w, int c, const Format& format) {
  const int pitch = whole_groups(c);
  const auto size = static_cast<std::size_t>(n) * static_cast<std::size_t>(h) * static_cast<std::size_t>(w) *
                    static_cast<std::size_t>(pitch);
  Bytes bytes{{}, format, std::make_shared<Buffer>(context, size)};
  bytes.view = ByteView(bytes.buffer->as<std::uint8_t>(), n, h, w, c, pitch);
  return bytes;
}

/// What a layer's integer sums become.
struct Result {
  int channels = 0;
  Format format;
  std::vector<float> scale;  // in whole groups
  ByteOutput output;         // but for its scale

  Result(int outputs, const Format& own, Activation act, const std::vector<float>& unit)
      : channels(outputs), format(own) {
    for (const float u : unit) scale.push_back(u / format.step);
    scale.resize(static_cast<std::size_t>(whole_groups(outputs)));
    output.zero = format.zero;
    if (act != Activation::none) output.low = format.zero;
    if (act == Activation::relu6) {
      output.high = std::min(255, format.zero + static_cast<int>(std::lround(6.0F / format.step)));
    }
  }
  /// With this object's scale, wherever it has been moved to.
  [[nodiscard]] ByteOutput bytes() const {
    ByteOutput o = output;
    o.scale = scale.data();
    return o;
  }
};

std::vector<float> numbers(const Tensor& tensor) { return tensor ? tensor.to_vector() : std::vector<float>(); }

double multiply_adds(const ByteView& y, int each) { return static_cast<double>(y.size()) * each; }

/// Finds each layer's format.
class Formats {
 public:
  explicit Formats(const ActivationRanges& ranges) : ranges_(ranges) {}

  [[nodiscard]] Format operator()(const std::string& layer) const {
    const auto found = ranges_.find(layer);
    if (found == ranges_.end()) {
      throw Error(Exit::bad_data, "the model's activation ranges lack " + layer + "; measure them anew");
    }
    // 0 has a byte of its own.
    const float low = std::min(0.0F, found->second[0]), high = std::max(0.0F, found->second[1]);
    if (!(high > low)) return {};
    Format format;
    format.step = (high - low) / 255;
    format.zero = static_cast<int>(std::lround(-low / format.step));
    return format;
  }

 private:
  const ActivationRanges& ranges_;
};

/// A dense convolution of MobileNetV2.
class Conv {
 public:
  /// residual: null, or the format of what is added.
  Conv(const ConvUnit& unit, const Format& in, const Format& out, const Format* residual)
      : Conv(unit, out, residual, std::vector<std::uint8_t>(whole(unit.spec().in), static_cast<std::uint8_t>(in.zero)),
             [&](std::size_t) { return std::pair(in.step, static_cast<float>(in.zero)); }) {}
  /// The first one, which reads a picture's bytes.
  Conv(const ConvUnit& unit, const Normalisation& normalisation, const Format& out)
      : Conv(unit, out, nullptr, border(normalisation), [&](std::size_t c) {
          return std::pair(normalisation.scale[c], -normalisation.shift[c] / normalisation.scale[c]);
        }) {}

  [[nodiscard]] Bytes operator()(Context& context, const ConstByteView& x, const Bytes* residual = nullptr) const {
    const ConvGeometry g = unit_.geometry(x.h, x.w);
    Bytes y = residual != nullptr
                  ? Bytes{residual->view, result_.format, residual->buffer}
                  : empty_bytes(context, x.n, g.out_h(x.h), g.out_w(x.w), result_.channels, result_.format);
    const ProfileScope scope(context.profile(), g.kernel_h == 1 ? "conv 1x1 int8" : "conv int8",
                             multiply_adds(y.view, g.kernel_h * g.kernel_w * x.c));
    conv_int8(context.stream(), x, pad_.data(), product_, g, result_.bytes(),
              residual != nullptr ? ConstByteView(residual->view) : ConstByteView(), y.view);
    return y;
  }

 private:
  static std::size_t whole(int channels) { return static_cast<std::size_t>(whole_groups(channels)); }
  /// The bytes nearest to 0 after normalisation.
  static std::vector<std::uint8_t> border(const Normalisation& normalisation) {
    std::vector<std::uint8_t> bytes(whole(3));
    for (std::size_t c = 0; c < 3; ++c) {
      const float zero = -normalisation.shift[c] / normalisation.scale[c];
      bytes[c] = static_cast<std::uint8_t>(std::lround(std::clamp(zero, 0.0F, 255.0F)));
    }
    return bytes;
  }

  /// input(c): step and zero of channel c.
  template <class Input>
  Conv(const ConvUnit& unit, const Format& out, const Format* residual, std::vector<std::uint8_t> pad,
       const Input& input)
      : unit_(unit), pad_(std::move(pad)), result_(quantised(unit, out, residual, input)) {}

  template <class Input>
  Result quantised(const ConvUnit& unit, const Format& out, const Format* residual, const Input& input) {
    const auto in = static_cast<std::size_t>(unit.spec().in), outputs = static_cast<std::size_t>(unit.spec().out);
    QuantisedKernel q = quantise_kernel(
        numbers(unit.inference_kernel()), numbers(unit.inference_bias()), unit.spec().out,
        [&](std::size_t i) { return i % outputs; }, [&](std::size_t i) { return input(i / outputs % in).first; },
        [&](std::size_t i) { return input(i / outputs % in).second; });
    Result result(unit.spec().out, out, unit.spec().act, q.scale);
    if (residual != nullptr) {
      result.output.residual_scale = residual->step / out.step;
      for (std::size_t o = 0; o < outputs; ++o) {
        q.bias[o] -=
            static_cast<std::int32_t>(std::lround(static_cast<float>(residual->zero) * residual->step / q.scale[o]));
      }
    }
    product_ = pack_conv_int8(q.weights.data(), q.bias.data(), unit.spec().in, unit.spec().out, unit.geometry(32, 32));
    return result;
  }

  const ConvUnit& unit_;
  PackedProduct product_;
  std::vector<std::uint8_t> pad_;
  Result result_;
};

class Depthwise {
 public:
  Depthwise(const ConvUnit& unit, const Format& in, const Format& out) : unit_(unit) {
    const auto channels = static_cast<std::size_t>(unit.spec().out);
    KARYON_CHECK(in.zero == 0, "a depthwise convolution reads what an activation wrote");
    const std::vector<float> kernel = numbers(unit.inference_kernel());
    std::vector<float> scales = depthwise_scales(kernel, unit.spec().out);
    for (float& scale : scales) scale *= in.step;
    const QuantisedKernel q = quantise_kernel(
        kernel, numbers(unit.inference_bias()), unit.spec().out, [&](std::size_t i) { return i % channels; },
        [&](std::size_t) { return in.step; }, [](std::size_t) { return 0.0F; }, scales);
    const Result result(unit.spec().out, out, unit.spec().act, q.scale);
    output_ = result.output;
    format_ = out;
    packed_ = pack_depthwise_int8(q.weights.data(), q.bias.data(), result.scale.data(), unit.spec().out);
  }

  [[nodiscard]] Bytes operator()(Context& context, const ConstByteView& x) const {
    const ConvGeometry g = unit_.geometry(x.h, x.w);
    Bytes y = empty_bytes(context, x.n, g.out_h(x.h), g.out_w(x.w), x.c, format_);
    const ProfileScope scope(context.profile(), "depthwise int8", multiply_adds(y.view, g.kernel_h * g.kernel_w));
    depthwise_conv_int8(context.stream(), x, packed_, g, output_, y.view);
    return y;
  }

 private:
  const ConvUnit& unit_;
  Format format_;
  ByteOutput output_;
  PackedDepthwise packed_;
};

/// What a transposed convolution reads.
struct Inputs {
  std::vector<int> channels, zeros;
  std::vector<float> steps;
  std::vector<std::vector<std::uint8_t>> pads;

  void add(int count, const Format& format) {
    channels.push_back(count);
    zeros.push_back(format.zero);
    steps.push_back(format.step);
    pads.emplace_back(static_cast<std::size_t>(whole_groups(count)), static_cast<std::uint8_t>(format.zero));
  }
  [[nodiscard]] QuantisedKernel quantise(const Tensor& kernel, const Tensor& bias) const {
    const auto in = static_cast<std::size_t>(kernel.shape()[3]), out = static_cast<std::size_t>(kernel.shape()[2]);
    return quantise_kernel(
        numbers(kernel), numbers(bias), kernel.shape()[2], [&](std::size_t i) { return i / in % out; },
        [&](std::size_t i) { return steps[i % in < static_cast<std::size_t>(channels[0]) ? 0 : 1]; },
        [](std::size_t) { return 0.0F; });
  }
  [[nodiscard]] double multiply_adds(const ByteView& x, int outputs) const {
    return 9.0 * static_cast<double>(x.pixels()) * std::accumulate(channels.begin(), channels.end(), 0) * outputs;
  }
  /// Calls op(views, pads).
  template <class Op>
  void pass(const std::vector<Bytes>& inputs, const Op& op) const {
    std::vector<ConstByteView> views;
    std::vector<const std::uint8_t*> outside;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      views.emplace_back(inputs[i].view);
      outside.push_back(pads[i].data());
    }
    op(views, outside);
  }
};

class Upsampling {
 public:
  Upsampling(const Upsampler& up, Inputs inputs, const Format& out)
      : inputs_(std::move(inputs)), result_(quantised(up, out)) {}

  [[nodiscard]] Bytes operator()(Context& context, const std::vector<Bytes>& inputs) const {
    const ByteView& x = inputs[0].view;
    Bytes y = empty_bytes(context, x.n, 2 * x.h, 2 * x.w, result_.channels, result_.format);
    inputs_.pass(inputs, [&](const auto& views, const auto& pads) {
      const ProfileScope scope(context.profile(), "conv_transpose int8", inputs_.multiply_adds(x, y.view.c));
      conv_transpose_int8(context.stream(), views, pads, packed_, result_.bytes(), y.view);
    });
    return y;
  }

 private:
  Result quantised(const Upsampler& up, const Format& out) {
    const QuantisedKernel q = inputs_.quantise(up.folded().kernel, up.folded().bias);
    packed_ = pack_conv_transpose_int8(q.weights.data(), q.bias.data(), inputs_.channels, inputs_.zeros, up.filters());
    return {up.filters(), out, Activation::relu, q.scale};
  }

  Inputs inputs_;
  PackedUpsampling packed_;
  Result result_;
};

class HeadLayer {
 public:
  HeadLayer(const UNet& unet, Inputs inputs) : inputs_(std::move(inputs)), classes_(unet.options().classes) {
    QuantisedKernel q = inputs_.quantise(unet.head_kernel(), unet.head_bias());
    packed_ = pack_head_int8(q.weights.data(), q.bias.data(), inputs_.channels, inputs_.zeros, classes_);
    scale_ = std::move(q.scale);
  }

  void operator()(Context& context, const std::vector<Bytes>& inputs, const FloatView& y) const {
    inputs_.pass(inputs, [&](const auto& views, const auto& pads) {
      const ProfileScope scope(context.profile(), "head int8", inputs_.multiply_adds(inputs[0].view, classes_));
      head_int8(context.stream(), views, pads, packed_, scale_.data(), y);
    });
  }

 private:
  Inputs inputs_;
  int classes_;
  PackedProduct packed_;
  std::vector<float> scale_;
};

struct Block {
  std::optional<Conv> expand;
  std::optional<Depthwise> depthwise;
  std::optional<Conv> project;
  bool residual = false;
};

}  // namespace

struct QuantisedUNet::Network {
  std::optional<Conv> stem;
  std::vector<Block> blocks;
  std::vector<Upsampling> upsamplers;
  std::optional<HeadLayer> head;
  int classes = 0;

  Network(const UNet& unet, const Normalisation& normalisation, const Formats& formats)
      : classes(unet.options().classes) {
    const MobileNetV2& encoder = unet.encoder();
    const auto format = [&](const ConvUnit& unit) { return formats(unit.spec().conv_name); };
    Format h = format(encoder.stem());
    stem.emplace(encoder.stem(), normalisation, h);
    std::vector<Format> taps;
    for (const MobileNetV2::Block& from : encoder.blocks()) {
      Block& block = blocks.emplace_back();
      Format inside = h;
      if (from.expand) {
        inside = format(*from.expand);
        block.expand.emplace(*from.expand, h, inside, nullptr);
      }
      const std::size_t index = blocks.size() - 1;
      if (std::ranges::find(kExpandTaps, index) != kExpandTaps.end()) taps.push_back(inside);
      const Format spatial = format(*from.depthwise), out = format(*from.project);
      block.depthwise.emplace(*from.depthwise, inside, spatial);
      block.project.emplace(*from.project, spatial, out, from.residual ? &h : nullptr);
      block.residual = from.residual;
      h = out;
    }
    taps.push_back(h);
    const auto channels = encoder.tap_channels();
    Inputs inputs;
    inputs.add(channels[kTaps - 1], taps[kTaps - 1]);
    for (std::size_t k = 0; k < kUpsamplers; ++k) {
      const Upsampler& up = *unet.upsamplers()[k];
      const Format out = formats(up.name());
      upsamplers.emplace_back(up, std::exchange(inputs, {}), out);
      inputs.add(up.filters(), out);
      inputs.add(channels[kTaps - 2 - k], taps[kTaps - 2 - k]);
    }
    head.emplace(unet, std::move(inputs));
  }

  void infer(Context& context, const ConstByteView& images, const FloatView& logits) const {
    std::vector<Bytes> taps;
    Bytes h = (*stem)(context, images);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const Block& block = blocks[i];
      Bytes inside = block.expand ? (*block.expand)(context, h.view) : h;
      if (std::ranges::find(kExpandTaps, i) != kExpandTaps.end()) taps.push_back(inside);
      const Bytes spatial = (*block.depthwise)(context, inside.view);
      h = (*block.project)(context, spatial.view, block.residual ? &h : nullptr);
    }
    std::vector<Bytes> inputs{std::move(h)};
    for (const Upsampling& up : upsamplers) {
      inputs = {up(context, inputs), std::move(taps.back())};
      taps.pop_back();
    }
    (*head)(context, inputs, logits);
  }
};

QuantisedUNet::QuantisedUNet(Context& context, const UNet& unet, const Normalisation& normalisation,
                             const ActivationRanges& ranges)
    : context_(context), network_(std::make_unique<Network>(unet, normalisation, Formats(ranges))) {}

QuantisedUNet::~QuantisedUNet() = default;

Tensor QuantisedUNet::infer(const std::uint8_t* images, int n, int h, int w) const {
  KARYON_CHECK(h % kSizeMultiple == 0 && w % kSizeMultiple == 0, "an image's sides are multiples of 32");
  Tensor logits = Tensor::empty(context_, {n, h, w, network_->classes});
  // A few images at a time, whose activations stay in cache.
  const ConstByteView x(images, n, h, w, 3);
  const FloatView y = logits.view();
  const int at_once = static_cast<int>(std::max<std::int64_t>(1, kPixelsInCache / (std::int64_t{h} * w)));
  for (int first = 0; first < n; first += at_once) {
    const int count = std::min(at_once, n - first);
    network_->infer(context_, ConstByteView(x.at(first, 0, 0), count, h, w, 3),
                    FloatView(y.at(first, 0, 0), count, h, w, y.c));
  }
  return logits;
}

}  // namespace karyon
