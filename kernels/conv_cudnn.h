// Dense convolutions by cuDNN. On CUDA alone.
// Contract: that of kernels/conv.h, whose arguments these are. Each function returns false, with its inputs (and a y
// that is the residual) as they were, where cuDNN is not there or has no deterministic algorithm; the caller then runs
// Karyon's own kernel. Bias, residual and ReLU ride along with the convolution, but a residual without a bias is
// refused; ReLU6, or an activation without a bias, is one pass more over y.
// With T = Bfloat16 kernel and bias are rounded to Bfloat16 as well; sums are in float, and the weights' gradient comes
// in float. With T = float products are exact unless the stream allows TensorFloat-32.
// Algorithms are measured for each shape at its first use, which waits for the stream; never while it is captured.
#pragma once

#include "kernels/conv.h"

namespace karyon::cuda {

template <class T>
bool cudnn_conv_forward(Stream& stream, View<const T> x, StampedKernel kernel, const float* bias,
                        View<const T> residual, Activation act, const ConvGeometry& geometry, View<T> y);
template <class T>
bool cudnn_conv_backward_data(Stream& stream, View<const T> dy, StampedKernel kernel, const ConvGeometry& geometry,
                              View<T> dx);
template <class T>
bool cudnn_conv_backward_weight(Stream& stream, View<const T> x, View<const T> dy, const ConvGeometry& geometry,
                                float* dkernel, float* dbias);

/// How an unequal cropping is done: by a kernel with zeros around it, straight into y (for 3x3 with stride 2 that is 16
/// taps of work instead of 9), or by computing all rows and columns and copying those that stay (y must be dense).
enum class CropBy : std::uint8_t { kernel, copy };

/// The transposed convolution of kernels/conv_transpose.h with one input, as the data gradient of a strided
/// convolution: fallback and yardstick for Karyon's own. The other way, a forward convolution of the input with zeros
/// between its pixels, is not offered: cuDNN dilates kernels but not images, so the zeros would have to be stored and
/// multiplied, four times the memory and the work at stride 2. With T = Bfloat16 a bias is refused.
template <class T>
bool cudnn_conv_transpose_forward(Stream& stream, View<const T> x, StampedKernel kernel, const float* bias,
                                  Activation act, const ConvGeometry& geometry, View<T> y, CropBy crop);

}  // namespace karyon::cuda
