// Dense two-dimensional convolution (cross-correlation, as in Keras) and its two gradients.
//   y[n,p,q,o] = act(residual[n,p,q,o] + bias[o] + sum_{r,s,i} x[n, p*stride - pad.top + r, q*stride - pad.left + s, i]
//   k[r,s,i,o])
// Layouts: x, y NHWC (any pitch; dense is fast); kernel HWIO dense. Taps outside the image count as zero.
// Aliasing: y may be the residual; nothing else may overlap. Gradients overwrite their destination.
// Saved for backward: x (for the weights) and the kernel (for the data).
// CPU: oneDNN through conv_dnnl.cpp, which keeps primitives by shape and packed kernels by stamp.
#pragma once

#include "kernels/op.h"

namespace karyon {

/// A kernel's numbers and the stamp of their last change (Tensor::stamp(): unique over all tensors and writes), by
/// which packed copies are found again. Stamp 0: do not remember.
struct StampedKernel {
  const float* data = nullptr;
  std::uint64_t stamp = 0;
};

KERNEL_AS(conv_forward, (Stream & stream, View<const T> x, StampedKernel kernel, const float* bias,
                         View<const T> residual, Activation act, const ConvGeometry& geometry, View<T> y))
/// dx = the gradient with respect to x, given dy (of the sum before the activation).
KERNEL_AS(conv_backward_data,
          (Stream & stream, View<const T> dy, StampedKernel kernel, const ConvGeometry& geometry, View<T> dx))
/// dkernel HWIO, and dbias[o] unless null.
KERNEL_AS(conv_backward_weight, (Stream & stream, View<const T> x, View<const T> dy, const ConvGeometry& geometry,
                                 float* dkernel, float* dbias))

}  // namespace karyon
