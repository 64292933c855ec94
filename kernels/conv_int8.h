// Convolution of bytes.
//   y[n,p,q,o] = requantised(bias[o] + sum_{r,s,c} x[n, p*stride - pad.top + r, q*stride - pad.left + s, c] k[r,s,c,o],
//                            residual[n,p,q,o])           with kernels/requantise_int8.h's formula
// Layouts: x NHWC, pitch at least its channels rounded up to 4; kernel HWIO signed bytes; y (and residual) NHWC, pitch
// at least their channels rounded up to 16, whose gaps are overwritten. Outside the picture a pixel is `pad` (of as
// many bytes as x has channels, rounded up to 4): the byte that stands for 0, whatever that is.
// Aliasing: y may be the residual. CPU alone.
#pragma once

#include "kernels/product_int8.h"
#include "kernels/requantise_int8.h"

namespace karyon {

/// kernel HWIO and bias[out] as the formula has them.
PackedProduct pack_conv_int8(const std::int8_t* kernel, const std::int32_t* bias, int in, int out,
                             const ConvGeometry& geometry);

/// `packed`: of the same geometry and channels.
void conv_int8(const Stream& stream, ConstByteView x, const std::uint8_t* pad, const PackedProduct& packed,
               const ConvGeometry& geometry, const ByteOutput& output, ConstByteView residual, ByteView y);

}  // namespace karyon
