// Softmax cross-entropy of pixels from logits: loss, gradient and counts in one pass, without storing probabilities.
//   loss = mean over pixels of log(sum_k exp(z_k)) - z_label        (Keras: SparseCategoricalCrossentropy(from_logits))
//   dlogits = (softmax(z) - onehot(label)) / pixels
// Layouts: logits, dlogits NHWC of any pitch; labels uint8 NHW dense, each < c: of another one the CPU makes an Error,
// CUDA a loss_sum of NaN. Aliasing: dlogits may be logits. dlogits may be empty (evaluation). The predicted class is
// the largest logit, the first of equals. Sums are over fixed chunks in double, so they do not depend on the thread
// count.
#pragma once

#include "kernels/op.h"

namespace karyon {

/// What one call counted. Foreground is every class but 0.
struct XentCounts {
  double loss_sum = 0;  // sum over pixels, not mean
  std::int64_t pixels = 0;
  std::int64_t correct = 0;
  std::int64_t true_foreground = 0;       // label foreground
  std::int64_t predicted_foreground = 0;  // prediction foreground
  std::int64_t common_foreground = 0;     // both
};

/// Overwrites *counts, which lies in the stream's device memory as the rest does.
KERNEL(softmax_xent,
       (Stream & stream, ConstFloatView logits, const std::uint8_t* labels, FloatView dlogits, XentCounts* counts))

}  // namespace karyon
