// The loss of segmentation: mean softmax cross-entropy over all pixels.
#pragma once

#include "kernels/softmax_xent.h"
#include "layers/module.h"

namespace karyon {

/// Counts of a batch and, where asked, d(mean loss)/d(logits), from which the tape runs backwards.
struct Loss {
  XentCounts counts;
  Tensor dlogits;
};

/// labels: uint8 NHW dense, one a pixel of logits (NHWC), each less than the number of classes.
Loss softmax_cross_entropy(Context& context, const Tensor& logits, const std::uint8_t* labels, bool with_gradient);

}  // namespace karyon
