// Keras's doubling on the CPU, a transposed convolution 3x3 of stride 2 that is cropped at the end, with 25 products
// where its definition has 36.
// Along one axis two inputs x1, x2 and the one before them, x0, make four outputs:
//   y0 = k0 x1 + k2 x0 = m - (x1 - x0) k2        y1 = k1 x1
//   y2 = k0 x2 + k2 x1 = m + (x2 - x1) k0        y3 = k1 x2        m = x1 (k0 + k2)
// which are five products for six; both axes together five times five (the outputs that two taps reach are Winograd's
// F(2,2): Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016). The gradients are the same sums
// transposed. Differences of neighbours cost less than a bit of precision.
// Invariant: tiles of 2x2 inputs and 4x4 outputs are independent, so tasks of any number of tiles give the same bits.
// Contract of the three functions: kernels/conv_transpose.h.
#pragma once

#include <span>

#include "kernels/conv.h"

namespace karyon {

bool is_doubling(const ConvGeometry& geometry);

/// The transformed kernel is kept, by its stamp. kernel_channels: those of all inputs together.
void doubling_forward(Stream& stream, std::span<const ConstFloatView> inputs, StampedKernel kernel, int kernel_channels,
                      const float* bias, Activation act, const FloatView& y);
void doubling_backward_data(Stream& stream, const ConstFloatView& dy, const float* kernel, int kernel_channels,
                            int channel_begin, const FloatView& dx);
void doubling_backward_weight(Stream& stream, std::span<const ConstFloatView> inputs, int kernel_channels,
                              const ConstFloatView& dy, float* dkernel);

}  // namespace karyon
