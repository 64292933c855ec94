// The last layer and the loss in one pass: a transposed convolution to class logits (kernels/conv_transpose.h, with
// bias and without activation) and the softmax cross-entropy of them (kernels/softmax_xent.h), gradient and counts too.
//   logits = conv_transpose(inputs, kernel) + bias;  counts, dlogits = softmax_xent(logits, labels)
// Layouts: inputs NHWC of any pitch, one or two whose channels count as concatenated; kernel HWOI dense; labels uint8
// NHW dense; logits and dlogits NHWC float of any pitch, either may be empty (not wanted), but not both. *counts is
// overwritten. All of it in the stream's device memory. Aliasing: none allowed. A label that is no class is an Error on
// the CPU and makes loss_sum NaN on CUDA. The gradients of inputs, kernel and bias follow from dlogits by
// conv_transpose.h.
#pragma once

#include <span>

#include "kernels/softmax_xent.h"

namespace karyon {

/// Whether head_xent serves this geometry: 3x3, stride 2, two or three classes.
bool head_xent_takes(const ConvGeometry& geometry, int classes);

KERNEL_AS(head_xent, (Stream & stream, std::span<const View<const T>> inputs, const float* kernel, const float* bias,
                      const ConvGeometry& geometry, const std::uint8_t* labels, FloatView logits, FloatView dlogits,
                      XentCounts* counts))

}  // namespace karyon
