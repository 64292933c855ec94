// Transposed convolution over one or two inputs (an upsampled map and a skip), differentiable.
#pragma once

#include "kernels/conv_transpose.h"
#include "kernels/softmax_xent.h"
#include "layers/module.h"

namespace karyon {

/// inputs NHWC whose channels count as concatenated, kernel HWOI, bias [O] or empty -> y. Contract:
/// kernels/conv_transpose.h. An input that needs no gradient costs none. y is stored as the inputs are, or, where they
/// are bf16, as float if asked (logits).
Tensor conv2d_transpose(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel, const Tensor& bias,
                        const ConvGeometry& geometry, ElementType result);

/// The same with an activation in one pass, for inference: refuses where a gradient would be needed.
Tensor conv2d_transpose_inference(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel,
                                  const Tensor& bias, Activation act, const ConvGeometry& geometry, ElementType result);

/// Logits and d(mean loss)/d(logits), from which the tape runs backwards.
struct LogitsAndGradient {
  Tensor logits, dlogits;
};

/// A last layer (to logits, in float) and the loss on them in one pass where the device has one for it
/// (kernels/head_xent.h), else one after the other. labels: uint8 NHW dense, one a pixel of the result, and *counts,
/// which is overwritten: both in device memory. The layer is recorded.
LogitsAndGradient conv2d_transpose_loss(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel,
                                        const Tensor& bias, const ConvGeometry& geometry, const std::uint8_t* labels,
                                        XentCounts* counts);

}  // namespace karyon
