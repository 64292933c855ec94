// The formulas of kernels/softmax_xent.h.
// Invariant: loss_sum is over pixels, dlogits is the gradient of the mean; foreground is every class but 0.
#pragma once

#include "kernels/softmax_xent.h"
#include "tests/reference/softmax.h"

namespace karyon::reference {

/// labels are (n, h, w, 1).
inline XentCounts softmax_xent(const Array& logits, const Array& labels) {
  XentCounts counts;
  for (int n = 0; n < logits.shape[0]; ++n) {
    for (int h = 0; h < logits.shape[1]; ++h) {
      for (int w = 0; w < logits.shape[2]; ++w) {
        const int label = static_cast<int>(labels.at(n, h, w, 0)), predicted = argmax(logits, n, h, w);
        counts.loss_sum += log_sum_exp(logits, n, h, w) - logits.at(n, h, w, label);
        counts.pixels += 1;
        counts.correct += predicted == label ? 1 : 0;
        counts.true_foreground += label != 0 ? 1 : 0;
        counts.predicted_foreground += predicted != 0 ? 1 : 0;
        counts.common_foreground += label != 0 && predicted != 0 ? 1 : 0;
      }
    }
  }
  return counts;
}

inline Array softmax_xent_gradient(const Array& logits, const Array& labels) {
  const auto pixels = static_cast<double>(labels.values.size());
  Array result = softmax(logits);
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    result.values[i * static_cast<std::size_t>(logits.shape[3]) + static_cast<std::size_t>(labels.values[i])] -= 1;
  }
  for (double& value : result.values) value /= pixels;
  return result;
}

}  // namespace karyon::reference
