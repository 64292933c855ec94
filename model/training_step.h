// One optimizer step of the U-Net.
// Invariant: after construction the trained parameters are slices of one flat block; a step is forward, loss, backward
// and one Adam kernel, and from the second step of a batch size on it allocates nothing.
#pragma once

#include "engine/optimizer.h"
#include "layers/loss.h"
#include "model/unet.h"

namespace karyon {

class TrainingStep {
 public:
  /// Trains every parameter of `unet` that is not frozen.
  TrainingStep(Context& context, UNet& unet, AdamSettings settings);

  /// Forward and backward of a batch: x NHWC normalised, labels uint8 NHW. Leaves the gradients in block(); the
  /// training-mode logits are copied to `logits` unless null.
  XentCounts compute_gradients(const Tensor& x, const std::uint8_t* labels, Tensor* logits = nullptr);
  /// The Adam update from the gradients.
  void update() { adam_.step(); }

  Adam& adam() { return adam_; }
  /// Trained parameters and the gradient of each.
  [[nodiscard]] const std::vector<NamedParameter>& trained() const { return trained_; }
  [[nodiscard]] const Tensor& gradient(std::size_t i) const { return block_.gradient(i); }

 private:
  Context& context_;
  UNet& unet_;
  std::vector<NamedParameter> trained_;
  ParameterBlock block_;
  Adam adam_;
  Tape tape_;
};

}  // namespace karyon
