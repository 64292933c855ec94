// The layers of the quantised U-Net: bytes in, bytes out.
// Invariant: a layer is made once, from its folded float weights and from the formats of what it reads and writes, and
// holds all that its kernel needs; it keeps a reference to its unit for the geometry.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/augment.h"
#include "kernels/conv_int8.h"
#include "kernels/conv_transpose_int8.h"
#include "kernels/depthwise_conv_int8.h"
#include "model/activation_ranges.h"
#include "model/quantised_kernel.h"
#include "model/unet.h"

namespace karyon {

/// How a layer's result stands in bytes: real = step * (byte - zero).
struct ByteFormat {
  float step = 1;
  int zero = 0;
};

/// Of the layer with this name and activation: 0 has a byte of its own, and behind an activation it is 0. Error
/// bad_data where `ranges` lack the layer.
ByteFormat byte_format(const ActivationRanges& ranges, const std::string& layer, Activation act);

/// Activations in bytes, shared by handle; pixels are whole groups of channels apart.
struct ByteTensor {
  ByteView view;
  std::shared_ptr<Buffer> buffer;
};

/// What a layer's integer sums become. An activation is the bytes' own bounds: 0 is the lowest of them, and what ReLU6
/// cuts is beyond the highest.
struct ByteResult {
  int channels = 0;
  std::vector<float> scale;  // in whole groups
  ByteOutput output;         // but for its scale

  /// unit: what 1 in an output's sum is worth.
  ByteResult(int outputs, const ByteFormat& format, const std::vector<float>& unit);
  /// With this object's scale, wherever it has been moved to.
  [[nodiscard]] ByteOutput bytes() const;
};

/// A dense convolution of MobileNetV2.
class QuantisedConv {
 public:
  /// residual: null, or the format of what is added.
  QuantisedConv(const ConvUnit& unit, const ByteFormat& in, const ByteFormat& out, const ByteFormat* residual);
  /// The first one, which reads a picture's bytes.
  QuantisedConv(const ConvUnit& unit, const Normalisation& normalisation, const ByteFormat& out);

  /// A residual is overwritten with the result.
  [[nodiscard]] ByteTensor operator()(Context& context, const ConstByteView& x,
                                      const ByteTensor* residual = nullptr) const;

 private:
  /// input(c): step and zero of channel c.
  template <class Input>
  QuantisedConv(const ConvUnit& unit, const ByteFormat& out, const ByteFormat* residual, std::vector<std::uint8_t> pad,
                const Input& input);
  template <class Input>
  ByteResult quantise(const ByteFormat& out, const ByteFormat* residual, const Input& input);

  const ConvUnit& unit_;
  PackedProduct product_;
  std::vector<std::uint8_t> pad_;
  ByteResult result_;
};

class QuantisedDepthwise {
 public:
  QuantisedDepthwise(const ConvUnit& unit, const ByteFormat& in, const ByteFormat& out);
  [[nodiscard]] ByteTensor operator()(Context& context, const ConstByteView& x) const;

 private:
  const ConvUnit& unit_;
  ByteOutput output_;
  PackedDepthwise packed_;
};

/// What a transposed convolution reads: one or two inputs, each with its own format.
class QuantisedInputs {
 public:
  void add(int channels, const ByteFormat& format);
  [[nodiscard]] QuantisedKernel quantise(const Tensor& kernel, const Tensor& bias) const;
  [[nodiscard]] std::span<const int> channels() const { return channels_; }
  [[nodiscard]] std::span<const int> zeros() const { return zeros_; }
  /// What is outside of each.
  [[nodiscard]] std::vector<const std::uint8_t*> pads() const;

 private:
  std::vector<int> channels_, zeros_;
  std::vector<float> steps_;
  std::vector<std::vector<std::uint8_t>> pads_;
};

class QuantisedUpsampler {
 public:
  QuantisedUpsampler(const Upsampler& up, QuantisedInputs inputs, const ByteFormat& out);
  [[nodiscard]] ByteTensor operator()(Context& context, const std::vector<ByteTensor>& inputs) const;

 private:
  ByteResult quantise(const Upsampler& up, const ByteFormat& out);

  QuantisedInputs inputs_;
  PackedUpsampling packed_;
  ByteResult result_;
};

/// The last layer, to logits in float.
class QuantisedHead {
 public:
  QuantisedHead(const UNet& unet, QuantisedInputs inputs);
  void operator()(Context& context, const std::vector<ByteTensor>& inputs, const FloatView& logits) const;

 private:
  QuantisedInputs inputs_;
  PackedProduct packed_;
  std::vector<float> scale_;
};

}  // namespace karyon
