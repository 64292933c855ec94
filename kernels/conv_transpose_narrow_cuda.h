// The transposed convolution with few output channels on CUDA (the U-Net's last layer), where GEMM tiles starve.
// Its result is float, as logits are. Internal to conv_transpose.cu and head_xent.cu; functions as in
// kernels/conv_transpose.h.
#pragma once

#include <span>

#include "kernels/stream.h"
#include "kernels/view.h"

namespace karyon::cuda {

/// 3x3, stride 2 and two or three output channels: what the functions below take.
inline bool is_narrow(const ConvGeometry& g, int outputs) {
  return g.kernel_h == 3 && g.kernel_w == 3 && g.stride_h == 2 && g.stride_w == 2 && outputs >= 2 && outputs <= 3;
}

template <class T>
void narrow_conv_transpose_forward(Stream& stream, std::span<const View<const T>> inputs, const float* kernel,
                                   const float* bias, Activation act, const ConvGeometry& geometry, FloatView y);
template <class T>
void narrow_conv_transpose_backward_data(Stream& stream, ConstFloatView dy, const float* kernel, int kernel_channels,
                                         int channel_begin, const ConvGeometry& geometry, View<T> dx);
template <class T>
void narrow_conv_transpose_backward_weight(Stream& stream, std::span<const View<const T>> inputs, ConstFloatView dy,
                                           const ConvGeometry& geometry, float* dkernel, float* dbias);

}  // namespace karyon::cuda
