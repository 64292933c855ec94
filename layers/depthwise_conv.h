// Depthwise convolution, differentiable.
#pragma once

#include "kernels/depthwise_conv.h"
#include "layers/module.h"

namespace karyon {

/// x NHWC, kernel HWC1 -> y. Contract: kernels/depthwise_conv.h. Error internal when the shapes do not fit.
Tensor depthwise_conv2d(Tape& tape, const Tensor& x, const Tensor& kernel, const ConvGeometry& geometry);

/// The same with bias and activation in one pass, for inference: refuses where a gradient would be needed.
Tensor depthwise_conv2d_inference(Tape& tape, const Tensor& x, const Tensor& kernel, const Tensor& bias, Activation act,
                                  const ConvGeometry& geometry);

}  // namespace karyon
