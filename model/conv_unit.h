// A convolution, dense or depthwise, and the batch norm behind it: what MobileNetV2 is made of.
// Invariant: forward() is taped and uses the batch's statistics; infer() is folded and taped never. Both give the same
// numbers when the moving statistics are the batch's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "layers/batch_norm.h"
#include "layers/module.h"

namespace karyon {

/// How an image's border is padded where the stride is 2: TensorFlow's SAME, from the real size, or (kernel - 1) / 2
/// all round, as in PyTorch's models.
enum class PaddingRule : std::uint8_t { same, symmetric };
Padding conv_padding(PaddingRule rule, int kernel, int stride, int h, int w);

struct ConvUnitSpec {
  std::string conv_name, norm_name;  // Keras's layer names; no batch norm when norm_name is empty
  int in = 0, out = 0, kernel = 1, stride = 1;
  bool depthwise = false;
  Activation act = Activation::none;
  PaddingRule padding = PaddingRule::same;
  float epsilon = 1e-3F, momentum = 0.999F;
};

/// Told of every result that inference stores, in order: its layer's name ("block_3_expand", "up_2") and its numbers,
/// a residual's sum included.
using Observer = std::function<void(const std::string& layer, const Tensor& result)>;

class ConvUnit {
 public:
  ConvUnit(Context& context, ConvUnitSpec spec);

  /// Training: act(batch norm(conv(x))), recorded.
  Tensor forward(Tape& tape, const Tensor& x);
  /// conv(x) alone, recorded.
  Tensor convolve(Tape& tape, const Tensor& x) const;
  /// Inference from the folded weights: act(conv(x) + bias + residual). A residual is overwritten with the result.
  Tensor infer(Tape& tape, const Tensor& x, const Tensor& residual = {}) const;
  /// Multiplies the batch norm into the kernel; to be called after every change of the weights, before infer().
  void fold(Context& context);

  /// What infer() multiplies with and adds; no bias where there is no batch norm.
  [[nodiscard]] const Tensor& inference_kernel() const;
  [[nodiscard]] const Tensor& inference_bias() const { return folded_.bias; }

  [[nodiscard]] const ConvUnitSpec& spec() const { return spec_; }
  [[nodiscard]] ConvGeometry geometry(int h, int w) const;
  /// The modules that carry the parameters "<conv_name>/kernel" and "<norm_name>/gamma", ...; norm() may be null.
  Module& conv() { return conv_; }
  BatchNorm* norm() { return norm_.get(); }
  Parameter& kernel() { return conv_.kernel; }

 private:
  struct Holder final : Module {
    Holder(const std::string& name, Tensor value) : Module(name), kernel{"kernel", std::move(value)} { add(kernel); }
    Parameter kernel;
  };
  ConvUnitSpec spec_;
  Holder conv_;
  std::unique_ptr<BatchNorm> norm_;
  FoldedConv folded_;
};

}  // namespace karyon
