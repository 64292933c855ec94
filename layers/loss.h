// The loss of segmentation: mean softmax cross-entropy over all pixels, or, by settings, with class weights and a Dice
// term.
// Invariant: what is counted as loss is what is minimised: loss_sum / pixels of the XentCounts.
#pragma once

#include <vector>

#include "kernels/segmentation_loss.h"
#include "layers/module.h"

namespace karyon {

/// labels: uint8 NHW dense, one a pixel of logits (NHWC), each less than the number of classes. *counts is overwritten;
/// both lie in device memory, and nothing waits for them. Gives d(mean loss)/d(logits) where asked, else an empty
/// tensor.
Tensor softmax_cross_entropy(Context& context, const Tensor& logits, const std::uint8_t* labels, bool with_gradient,
                             XentCounts* counts);

struct LossSettings {
  std::vector<float> class_weights;  // one a class, none negative; empty: all equal
  float dice_weight = 0;             // of the Dice term beside the cross-entropy
};

/// The loss that the settings describe. Contract: kernels/segmentation_loss.h.
class Loss {
 public:
  /// Error usage where the weights do not fit the classes, or a weight is negative or no number.
  Loss(Context& context, const LossSettings& settings, int classes);

  /// Whether it is softmax_cross_entropy.
  [[nodiscard]] bool plain() const { return !class_weights_ && dice_weight_ == 0; }
  /// As softmax_cross_entropy, which it calls when it is plain.
  Tensor operator()(Context& context, const Tensor& logits, const std::uint8_t* labels, bool with_gradient,
                    XentCounts* counts) const;

 private:
  Tensor class_weights_;
  float dice_weight_;
};

}  // namespace karyon
