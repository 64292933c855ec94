// MobileNetV2 (Sandler et al., CVPR 2018) as an encoder with five taps, and optionally with its classifier.
// Invariant: the network is the table below and nothing else; layer names are Keras's, so a parameter's path here is
// its name in Keras's files. In training it is taped with batch norm over the batch; in inference, and always when
// frozen, it runs folded: batch norm multiplied into the convolutions, activations fused, residuals added in place, no
// tape.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "layers/module.h"
#include "model/conv_unit.h"

namespace karyon {

/// One row of the paper's table 2: expansion factor t, output channels c, repeats n, first stride s.
struct BottleneckRow {
  int t, c, n, s;
};
constexpr std::array<BottleneckRow, 7> kMobileNetV2Table{
    {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}}};
constexpr int kTaps = 5;
constexpr std::array<std::size_t, kTaps - 1> kExpandTaps{1, 3, 6, 13};  // blocks whose expansion is a tap
/// Keras's names of the taps, from 1/2 of the image's size to 1/32.
constexpr std::array<const char*, kTaps> kTapNames{"block_1_expand_relu", "block_3_expand_relu", "block_6_expand_relu",
                                                   "block_13_expand_relu", "block_16_project"};

struct EncoderOptions {
  double width = 1.0;  // channel multiplier
  PaddingRule padding = PaddingRule::same;
  float epsilon = 1e-3F;
  float momentum = 0.999F;
  int classes = 0;  // of the classifier; 0: none, and then block_16_project has no batch norm
};

/// Channels after the width multiplier: a multiple of 8, at least 8, never below 90% of the exact number.
int scaled_channels(double channels, double width);

/// Keras's prefix of bottleneck `index`: "expanded_conv", "block_1", ... "block_16".
std::string block_name(int index);

class MobileNetV2 final : public Module {
 public:
  using Taps = std::array<Tensor, kTaps>;
  struct Block {
    std::unique_ptr<ConvUnit> expand;  // none in the first block
    std::unique_ptr<ConvUnit> depthwise, project;
    bool residual = false;
  };

  MobileNetV2(Context& context, std::string name, const EncoderOptions& options);
  /// Glorot-uniform kernels, as Keras draws them.
  void initialize(std::uint64_t seed);

  /// x NHWC, 3 channels, already normalised. The taps kTapNames; the last is before its batch norm.
  Taps forward(Tape& tape, const Tensor& x);
  /// The same through the folded network. fold() must have run since the last change of the weights.
  Taps infer(Context& context, const Tensor& x, const Observer& observe = {}) const;
  /// The classifier's logits, n x 1 x 1 x classes, through the folded network. Refuses without a classifier.
  Tensor infer_logits(Context& context, const Tensor& x) const;
  void fold(Context& context);

  [[nodiscard]] const EncoderOptions& options() const { return options_; }
  [[nodiscard]] std::array<int, kTaps> tap_channels() const;
  ConvUnit& stem() { return *stem_; }
  [[nodiscard]] const ConvUnit& stem() const { return *stem_; }
  [[nodiscard]] const std::vector<Block>& blocks() const { return blocks_; }

 private:
  struct Classifier;
  void add_unit(ConvUnit& unit);

  EncoderOptions options_;
  std::unique_ptr<ConvUnit> stem_;
  std::vector<Block> blocks_;
  std::shared_ptr<Classifier> classifier_;
};

}  // namespace karyon
