// Transposed convolution over one or two inputs (an upsampled map and a skip), differentiable.
#pragma once

#include "kernels/conv_transpose.h"
#include "layers/module.h"

namespace karyon {

/// inputs NHWC whose channels count as concatenated, kernel HWOI, bias [O] or empty -> y. Contract:
/// kernels/conv_transpose.h. An input that needs no gradient costs none.
Tensor conv2d_transpose(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel, const Tensor& bias,
                        const ConvGeometry& geometry);

/// The same with an activation in one pass, for inference: refuses where a gradient would be needed.
Tensor conv2d_transpose_inference(Tape& tape, const std::vector<Tensor>& inputs, const Tensor& kernel,
                                  const Tensor& bias, Activation act, const ConvGeometry& geometry);

}  // namespace karyon
