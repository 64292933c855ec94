// The loss of segmentation: mean softmax cross-entropy over all pixels.
#pragma once

#include "kernels/softmax_xent.h"
#include "layers/module.h"

namespace karyon {

/// labels: uint8 NHW dense, one a pixel of logits (NHWC), each less than the number of classes. *counts is overwritten;
/// both lie in device memory, and nothing waits for them. Gives d(mean loss)/d(logits) where asked, else an empty
/// tensor.
Tensor softmax_cross_entropy(Context& context, const Tensor& logits, const std::uint8_t* labels, bool with_gradient,
                             XentCounts* counts);

}  // namespace karyon
