// Transposed convolution of bytes, 3x3 with stride 2 and Keras's SAME crop (the last row and column), over one or two
// inputs whose channels count as concatenated.
//   sum[n, 2i + r, 2j + s, o] += sum_c x[n,i,j,c] k[r,s,o,c],  then + bias[o]
// Layouts: inputs NHWC, pitch at least their channels rounded up to 4, c = the channels of all inputs in order; kernel
// HWOI signed bytes. An output pixel's parity says which 1, 2, 2 or 4 taps reach it, so that the op is four
// convolutions, one a parity. Outside the picture an input is its pad (as of kernels/conv_int8.h): an input whose byte
// for 0 is not 0 adds that byte's products there as everywhere, and the bias takes all of them off.
// CPU alone.
#pragma once

#include <array>

#include "kernels/product_int8.h"
#include "kernels/requantise_int8.h"

namespace karyon {

/// The products of the output's four parities: (0,0), (0,1), (1,0), (1,1) of (row, column).
using PackedUpsampling = std::array<PackedProduct, 4>;

/// zeros[input]: the byte that stands for 0, whose products the packed bias takes off. channels: of each input.
PackedUpsampling pack_conv_transpose_int8(const std::int8_t* kernel, const std::int32_t* bias,
                                          std::span<const int> channels, std::span<const int> zeros, int out);
/// y = requantised sums, pitch at least its channels rounded up to 16, whose gaps are overwritten.
void conv_transpose_int8(const Stream& stream, std::span<const ConstByteView> inputs,
                         std::span<const std::uint8_t* const> pads, const PackedUpsampling& packed,
                         const ByteOutput& output, ByteView y);

/// The same of few outputs: all four parities from one product over a pixel and its three neighbours.
PackedProduct pack_head_int8(const std::int8_t* kernel, const std::int32_t* bias, std::span<const int> channels,
                             std::span<const int> zeros, int out);
/// y[..., o] = sum * scale[o], dense.
void head_int8(const Stream& stream, std::span<const ConstByteView> inputs, std::span<const std::uint8_t* const> pads,
               const PackedProduct& packed, const float* scale, FloatView y);

}  // namespace karyon
