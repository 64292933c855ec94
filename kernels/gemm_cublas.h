// 1x1 convolutions of stride 1 without padding as matrix products by cuBLASLt. On CUDA alone.
// Contract: that of kernels/conv.h, whose arguments these are. Each function returns false, with its inputs (and
// a y that is the residual) as they were, where cuBLASLt is not there, the geometry is another or no algorithm fits;
// the caller then runs Karyon's own kernel. Bias, residual and ReLU ride along with the product; ReLU6, which cuBLASLt
// does not know, is one pass more over y. With T = Bfloat16 kernel and bias are rounded to Bfloat16 as well; sums are
// in float, gradients of kernel and bias come in float. With T = float products are exact unless the stream allows
// TensorFloat-32. Algorithms are measured for each shape at its first use, which waits for the stream; never while it
// is captured.
#pragma once

#include "kernels/conv.h"

namespace karyon::cuda {

template <class T>
bool cublas_conv_forward(Stream& stream, View<const T> x, StampedKernel kernel, const float* bias,
                         View<const T> residual, Activation act, const ConvGeometry& geometry, View<T> y);
template <class T>
bool cublas_conv_backward_data(Stream& stream, View<const T> dy, StampedKernel kernel, const ConvGeometry& geometry,
                               View<T> dx);
template <class T>
bool cublas_conv_backward_weight(Stream& stream, View<const T> x, View<const T> dy, const ConvGeometry& geometry,
                                 float* dkernel, float* dbias);

}  // namespace karyon::cuda
