// Transposed convolution and its gradients on CUDA's tensor cores: the ops of conv_transpose.h, with operands rounded
// to bf16 (T = Bfloat16, weights and a float dy included) or to TF32 (T = float); sums, bias and activation in float.
// For the shapes that the tensor_..._takes() functions name: channels and pitches in whole 16-byte vectors, any
// geometry, and for floats a stream whose float32_math() is tf32. Everything else is for the ops' other CUDA kernels.
#pragma once

#include <span>

#include "kernels/stream.h"
#include "kernels/view.h"

namespace karyon::cuda {

template <class T, class Y>
bool tensor_conv_transpose_forward_takes(const Stream& stream, std::span<const View<const T>> inputs,
                                         const float* kernel, View<Y> y);
template <class T, class Y>
void tensor_conv_transpose_forward(Stream& stream, std::span<const View<const T>> inputs, const float* kernel,
                                   const float* bias, Activation act, const ConvGeometry& geometry, View<Y> y);

template <class T, class Y>
bool tensor_conv_transpose_backward_data_takes(const Stream& stream, View<const Y> dy, const float* kernel,
                                               int kernel_channels, int channel_begin, View<T> dx);
template <class T, class Y>
void tensor_conv_transpose_backward_data(Stream& stream, View<const Y> dy, const float* kernel, int kernel_channels,
                                         int channel_begin, const ConvGeometry& geometry, View<T> dx);

template <class T, class Y>
bool tensor_conv_transpose_backward_weight_takes(const Stream& stream, std::span<const View<const T>> inputs,
                                                 View<const Y> dy, const float* dkernel);
template <class T, class Y>
void tensor_conv_transpose_backward_weight(Stream& stream, std::span<const View<const T>> inputs, View<const Y> dy,
                                           const ConvGeometry& geometry, float* dkernel, float* dbias);

}  // namespace karyon::cuda
