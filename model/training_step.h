// One optimizer step of the U-Net.
// Invariant: after construction the trained parameters are slices of one flat block; a step is forward, loss, backward
// and the optimizer's kernels, and from the second step of a batch size on it allocates nothing. What is queued waits
// for nothing; x, labels, counts and rates lie in device memory.
#pragma once

#include "engine/optimizer.h"
#include "model/unet.h"

namespace karyon {

class TrainingStep {
 public:
  /// Trains every parameter of `unet` that is not frozen, to make `loss` small. Weight decay is of kernels alone: batch
  /// norm undoes what is done to the size of a kernel in front of it, while its own gamma and beta, and biases, are few
  /// and have to be free.
  TrainingStep(Context& context, UNet& unet, AdamSettings settings, const LossSettings& loss = {});

  /// Queues forward and backward of a batch: x NHWC normalised, labels uint8 NHW. Leaves the gradients in their block,
  /// what was counted in counts(), and the training-mode logits in `logits` unless null.
  void queue_gradients(const Tensor& x, const std::uint8_t* labels, Tensor* logits = nullptr);
  /// Queues the Adam update from the gradients with the rate that lies at `rate` (Adam::take_rates).
  void queue_update(const AdamRate* rate) { adam_.step(rate); }
  [[nodiscard]] const XentCounts* counts() const { return counts_.as<XentCounts>(); }

  /// The same step by step: waits, and gives the counts.
  XentCounts compute_gradients(const Tensor& x, const std::uint8_t* labels, Tensor* logits = nullptr);
  void update() { adam_.step(); }

  /// What is minimised, for those who measure it elsewhere.
  [[nodiscard]] const Loss& loss() const { return loss_; }
  Adam& adam() { return adam_; }
  /// Trained parameters and the gradient of each.
  [[nodiscard]] const std::vector<NamedParameter>& trained() const { return trained_; }
  [[nodiscard]] const Tensor& gradient(std::size_t i) const { return block_.gradient(i); }
  [[nodiscard]] const Tensor& gradients() const { return block_.gradients(); }
  /// Where the i-th gradient begins in gradients().
  [[nodiscard]] std::int64_t begin(std::size_t i) const { return block_.begin(i); }
  /// To be called when a graph has run steps: every parameter and statistic may have changed.
  void mark_changed();

 private:
  Context& context_;
  UNet& unet_;
  std::vector<NamedParameter> trained_;
  ParameterBlock block_;
  Adam adam_;
  Tape tape_;
  Loss loss_;
  Buffer counts_;
};

/// The path of the first parameter, in network order, whose gradient is not finite; empty when all are. To be asked
/// once a loss or norm was found not finite, before the next step: from there it is everywhere. Waits.
std::string first_bad_gradient(const TrainingStep& step);

}  // namespace karyon
