// Dense two-dimensional convolution, differentiable.
#pragma once

#include "kernels/conv.h"
#include "layers/module.h"

namespace karyon {

/// x NHWC, kernel HWIO, bias [O] or empty -> y. Contract: kernels/conv.h. Error internal when the shapes do not fit.
Tensor conv2d(Tape& tape, const Tensor& x, const Tensor& kernel, const Tensor& bias, const ConvGeometry& geometry);

/// The same with activation and residual in one pass, for inference: records nothing, and refuses to where a gradient
/// would be needed. `residual` may be empty; `y` may share its numbers.
void conv2d_inference(Tape& tape, const Tensor& x, const Tensor& kernel, const Tensor& bias, const Tensor& residual,
                      Activation act, const ConvGeometry& geometry, const Tensor& y);

/// Shape of conv2d's result.
Shape conv2d_shape(const Shape& x, const Shape& kernel, const ConvGeometry& geometry);

}  // namespace karyon
