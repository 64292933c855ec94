// The nuclei U-Net: MobileNetV2's five taps, four pix2pix upsamplers with skips, and a last transposed convolution.
// Invariant: up_1 works on the deepest tap; up_k (k > 1) and the head on (previous upsampler, next tap), whose channels
// count as concatenated without a copy. Paths of parameters: encoder/..., up_1/conv_transpose/kernel,
// up_1/batch_norm/gamma,
// ..., head/kernel, head/bias. A frozen encoder runs folded and costs no gradient.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "kernels/augment.h"
#include "layers/batch_norm.h"
#include "layers/conv_transpose.h"
#include "layers/loss.h"
#include "model/mobilenet_v2.h"

namespace karyon {

constexpr int kUpsamplers = 4;
constexpr int kSizeMultiple = 32;  // both sides of an image

struct UNetOptions {
  EncoderOptions encoder;
  std::array<int, kUpsamplers> filters{512, 256, 128, 64};
  int classes = 2;
  float epsilon = 1e-3F;  // of the decoder's batch norm
  float momentum = 0.99F;
};

/// Conv2DTranspose 3x3 stride 2 SAME without bias, batch norm, ReLU.
class Upsampler final : public Module {
 public:
  Upsampler(Context& context, std::string name, int in, int out, float epsilon, float momentum);
  Tensor forward(Tape& tape, const std::vector<Tensor>& inputs);
  Tensor infer(Tape& tape, const std::vector<Tensor>& inputs) const;
  void fold(Context& context);
  Parameter& kernel() { return conv_.kernel; }
  /// What infer() runs with, from the last fold().
  [[nodiscard]] const FoldedConv& folded() const { return folded_; }
  [[nodiscard]] int filters() const { return conv_.kernel.value.shape()[2]; }
  [[nodiscard]] int in_channels() const { return conv_.kernel.value.shape()[3]; }

 private:
  struct Conv final : Module {
    Conv(Context& context, int in, int out);
    Parameter kernel;  // HWOI
  };
  Conv conv_;
  BatchNorm norm_;
  FoldedConv folded_;
};

class UNet final : public Module {
 public:
  UNet(Context& context, const UNetOptions& options);
  /// Encoder and head Glorot-uniform, upsamplers N(0, 0.02), biases zero.
  void initialize(std::uint64_t seed);

  /// Training-mode logits of x (NHWC, 3 channels, normalised, sides multiples of 32), same height and width.
  /// Activations are stored as x is; logits are float.
  Tensor forward(Tape& tape, const Tensor& x);
  /// The same with the loss and its gradient behind it; parameters as of layers/loss.h. A plain loss is one with the
  /// head where the device has that in one pass.
  LogitsAndGradient forward_loss(Tape& tape, const Tensor& x, const std::uint8_t* labels, const Loss& loss,
                                 XentCounts* counts);
  /// Inference through folded weights; fold() must have run since the last change of the weights.
  Tensor infer(const Tensor& x, const Observer& observe = {}) const;
  void fold();

  MobileNetV2& encoder() { return encoder_; }
  [[nodiscard]] const MobileNetV2& encoder() const { return encoder_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Upsampler>>& upsamplers() const { return upsamplers_; }
  [[nodiscard]] const Tensor& head_kernel() const { return head_.kernel.value; }
  [[nodiscard]] const Tensor& head_bias() const { return head_.bias.value; }
  [[nodiscard]] const UNetOptions& options() const { return options_; }

 private:
  struct Head final : Module {
    Head(Context& context, int in, int classes);
    Parameter kernel, bias;  // HWOI, [O]
  };
  /// The last upsampler's result and the first tap.
  std::vector<Tensor> head_inputs(Tape& tape, const Tensor& x);

  Context& context_;
  UNetOptions options_;
  MobileNetV2 encoder_;
  std::vector<std::unique_ptr<Upsampler>> upsamplers_;
  Head head_;
};

/// 3x3, stride 2, and Keras's SAME crop: the last row and column.
ConvGeometry upsampling_geometry();

}  // namespace karyon
