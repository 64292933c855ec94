#include "model/quantised_unet.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "kernels/check.h"
#include "model/quantised_layers.h"

namespace karyon {

namespace {

constexpr std::int64_t kPixelsInCache = 8 * 128 * 128;  // of images that go through the network together

struct Block {
  std::optional<QuantisedConv> expand;
  std::optional<QuantisedDepthwise> depthwise;
  std::optional<QuantisedConv> project;
  bool residual = false;
};

}  // namespace

struct QuantisedUNet::Network {
  std::optional<QuantisedConv> stem;
  std::vector<Block> blocks;
  std::vector<QuantisedUpsampler> upsamplers;
  std::optional<QuantisedHead> head;
  int classes = 0;

  Network(const UNet& unet, const Normalisation& normalisation, const ActivationRanges& ranges)
      : classes(unet.options().classes) {
    const MobileNetV2& encoder = unet.encoder();
    const auto format = [&](const ConvUnit& unit) {
      return byte_format(ranges, unit.spec().conv_name, unit.spec().act);
    };
    ByteFormat h = format(encoder.stem());
    stem.emplace(encoder.stem(), normalisation, h);
    std::vector<ByteFormat> taps;
    for (const MobileNetV2::Block& from : encoder.blocks()) {
      Block& block = blocks.emplace_back();
      ByteFormat inside = h;
      if (from.expand) {
        inside = format(*from.expand);
        block.expand.emplace(*from.expand, h, inside, nullptr);
      }
      const std::size_t index = blocks.size() - 1;
      if (std::ranges::find(kExpandTaps, index) != kExpandTaps.end()) taps.push_back(inside);
      const ByteFormat spatial = format(*from.depthwise), out = format(*from.project);
      block.depthwise.emplace(*from.depthwise, inside, spatial);
      block.project.emplace(*from.project, spatial, out, from.residual ? &h : nullptr);
      block.residual = from.residual;
      h = out;
    }
    taps.push_back(h);
    const auto channels = encoder.tap_channels();
    QuantisedInputs inputs;
    inputs.add(channels[kTaps - 1], taps[kTaps - 1]);
    for (std::size_t k = 0; k < kUpsamplers; ++k) {
      const Upsampler& up = *unet.upsamplers()[k];
      const ByteFormat out = byte_format(ranges, up.name(), Activation::relu);
      upsamplers.emplace_back(up, std::exchange(inputs, {}), out);
      inputs.add(up.filters(), out);
      inputs.add(channels[kTaps - 2 - k], taps[kTaps - 2 - k]);
    }
    head.emplace(unet, std::move(inputs));
  }

  void infer(Context& context, const ConstByteView& images, const FloatView& logits) const {
    std::vector<ByteTensor> taps;
    ByteTensor h = (*stem)(context, images);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const Block& block = blocks[i];
      ByteTensor inside = block.expand ? (*block.expand)(context, h.view) : h;
      if (std::ranges::find(kExpandTaps, i) != kExpandTaps.end()) taps.push_back(inside);
      const ByteTensor spatial = (*block.depthwise)(context, inside.view);
      h = (*block.project)(context, spatial.view, block.residual ? &h : nullptr);
    }
    std::vector<ByteTensor> inputs{std::move(h)};
    for (const QuantisedUpsampler& up : upsamplers) {
      inputs = {up(context, inputs), std::move(taps.back())};
      taps.pop_back();
    }
    (*head)(context, inputs, logits);
  }
};

QuantisedUNet::QuantisedUNet(Context& context, const UNet& unet, const Normalisation& normalisation,
                             const ActivationRanges& ranges)
    : context_(context), network_(std::make_unique<Network>(unet, normalisation, ranges)) {}

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
