// One optimizer step of the U-Net.
// Invariant: after construction the trained parameters are slices of one flat block; a step is forward, loss, backward
// and one Adam kernel, and from the second step of a batch size on it allocates nothing. What is queued waits for
// nothing; x, labels, counts and step sizes lie in device memory.
#pragma once

#include "engine/optimizer.h"
#include "model/unet.h"

namespace karyon {

class TrainingStep {
 public:
  /// Trains every parameter of `unet` that is not frozen.
  TrainingStep(Context& context, UNet& unet, AdamSettings settings);

  /// Queues forward and backward of a batch: x NHWC normalised, labels uint8 NHW. Leaves the gradients in their block,
  /// what was counted in counts(), and the training-mode logits in `logits` unless null.
  void queue_gradients(const Tensor& x, const std::uint8_t* labels, Tensor* logits = nullptr);
  /// Queues the Adam update from the gradients with the step size at `rate` (Adam::take_rates).
  void queue_update(const float* rate) { adam_.step(rate); }
  [[nodiscard]] const XentCounts* counts() const { return counts_.as<XentCounts>(); }

  /// The same step by step: waits, and gives the counts.
  XentCounts compute_gradients(const Tensor& x, const std::uint8_t* labels, Tensor* logits = nullptr);
  void update() { adam_.step(); }

  Adam& adam() { return adam_; }
  /// Trained parameters and the gradient of each.
  [[nodiscard]] const std::vector<NamedParameter>& trained() const { return trained_; }
  [[nodiscard]] const Tensor& gradient(std::size_t i) const { return block_.gradient(i); }
  /// To be called when a graph has run steps: every parameter and statistic may have changed.
  void mark_changed();

 private:
  Context& context_;
  UNet& unet_;
  std::vector<NamedParameter> trained_;
  ParameterBlock block_;
  Adam adam_;
  Tape tape_;
  Buffer counts_;
};

}  // namespace karyon
