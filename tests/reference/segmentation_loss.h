// The formulas of kernels/segmentation_loss.h.
// Invariant: class_weights without values are all 1; the gradient is that of the loss, not of loss_sum.
#pragma once

#include "tests/reference/softmax_xent.h"

namespace karyon::reference {

struct SegmentationLoss {
  double cross = 0, weight = 0;                         // sums of w * cross-entropy and of w
  double probability = 0, truth = 0, intersection = 0;  // sum f, sum t, sum f t
  [[nodiscard]] double mean_cross() const { return weight > 0 ? cross / weight : 0; }
  [[nodiscard]] double dice() const { return 1 - (2 * intersection + 1) / (probability + truth + 1); }
};

inline double class_weight(const Array& class_weights, const Array& labels, std::size_t pixel) {
  return class_weights.empty() ? 1 : class_weights.at(static_cast<int>(labels.values[pixel]));
}

inline SegmentationLoss segmentation_loss(const Array& logits, const Array& labels, const Array& class_weights) {
  SegmentationLoss loss;
  const Array p = softmax(logits);
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    const auto [n, h, w, c] = unravel(labels.shape, static_cast<std::int64_t>(i));
    const double weight = class_weight(class_weights, labels, i);
    loss.cross += weight * (log_sum_exp(logits, n, h, w) - logits.at(n, h, w, static_cast<int>(labels.values[i])));
    loss.weight += weight;
    double foreground = 0;
    for (int k = 1; k < logits.shape[3]; ++k) foreground += p.at(n, h, w, k);
    loss.probability += foreground;
    loss.truth += labels.values[i] > 0 ? 1 : 0;
    loss.intersection += labels.values[i] > 0 ? foreground : 0;
  }
  return loss;
}

inline Array segmentation_gradient(const Array& logits, const Array& labels, const Array& class_weights,
                                   double dice_weight) {
  const SegmentationLoss loss = segmentation_loss(logits, labels, class_weights);
  const Array p = softmax(logits);
  const double total = loss.probability + loss.truth + 1;
  return build(logits.shape, [&](int n, int h, int w, int k) {
    const std::size_t pixel = labels.position(n, h, w, 0);
    const auto label = static_cast<int>(labels.values[pixel]);
    const double cross = loss.weight > 0 ? class_weight(class_weights, labels, pixel) / loss.weight *
                                               (p.at(n, h, w, k) - (k == label ? 1 : 0))
                                         : 0;
    const double slope = (2 * loss.intersection + 1) / (total * total) - (label > 0 ? 2 / total : 0);
    const double p0 = p.at(n, h, w, 0);
    double foreground = 0;
    for (int j = 1; j < logits.shape[3]; ++j) foreground += p.at(n, h, w, j);
    return cross + dice_weight * slope * (k == 0 ? -p0 * foreground : p0 * p.at(n, h, w, k));
  });
}

}  // namespace karyon::reference
