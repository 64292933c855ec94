// Transposed convolution over one or two inputs whose channels count as concatenated, and its two gradients.
//   y[n, i*stride - pad.top + r, j*stride - pad.left + s, o] += sum_c x[n,i,j,c] k[r,s,o,c], then + bias[o], then act
// Layouts: inputs and y NHWC of any pitch; kernel HWOI dense (Keras's), I = the channels of all inputs together, in
// order. pad is a cropping: Keras's SAME with 3x3 stride 2 crops (0,1,0,1), so the output is twice the input. Two
// inputs are a skip connection without its concatenation: no copy, and the gradient of the skip is simply not asked
// for. Aliasing: none allowed. Gradients overwrite their destination. Saved for backward: the inputs and the kernel.
#pragma once

#include <span>

#include "kernels/conv.h"
#include "kernels/op.h"

namespace karyon {

KERNEL_MIXED(conv_transpose_forward, (Stream & stream, std::span<const View<const T>> inputs, StampedKernel kernel,
                                      const float* bias, Activation act, const ConvGeometry& geometry, View<Y> y))
/// dx: the gradient of the input whose channels begin at `channel_begin` of the kernel's `kernel_channels`.
KERNEL_MIXED(conv_transpose_backward_data, (Stream & stream, View<const Y> dy, const float* kernel, int kernel_channels,
                                            int channel_begin, const ConvGeometry& geometry, View<T> dx))
/// dkernel HWOI over all inputs, and dbias[o] unless null.
KERNEL_MIXED(conv_transpose_backward_weight, (Stream & stream, std::span<const View<const T>> inputs, View<const Y> dy,
                                              const ConvGeometry& geometry, float* dkernel, float* dbias))

}  // namespace karyon
