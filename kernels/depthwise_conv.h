// Depthwise convolution with multiplier 1 and its two gradients.
//   y[n,p,q,c] = act(bias[c] + sum_{r,s} x[n, p*stride - pad.top + r, q*stride - pad.left + s, c] k[r,s,c])
// Layouts: x, y NHWC of any pitch; kernel [kh, kw, c] dense (Keras's HWC1). bias may be null. Taps outside count as
// zero. Aliasing: none allowed. Gradients overwrite their destination. Saved for backward: x (for the weights) and the
// kernel (for the data).
#pragma once

#include "kernels/op.h"

namespace karyon {

KERNEL_AS(depthwise_conv_forward, (Stream & stream, View<const T> x, const float* kernel, const float* bias,
                                   Activation act, const ConvGeometry& geometry, View<T> y))
/// dx = the gradient with respect to x, given dy (of the sum before the activation).
KERNEL_AS(depthwise_conv_backward_data,
          (Stream & stream, View<const T> dy, const float* kernel, const ConvGeometry& geometry, View<T> dx))
/// dkernel [kh, kw, c], and dbias[c] unless null.
KERNEL_AS(depthwise_conv_backward_weight, (Stream & stream, View<const T> x, View<const T> dy,
                                           const ConvGeometry& geometry, float* dkernel, float* dbias))

}  // namespace karyon
