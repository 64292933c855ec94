// Depthwise convolution of bytes, 3x3.
//   y[n,p,q,c] = requantised(bias[c] + sum_{r,s} x[n, p*stride - pad.top + r, q*stride - pad.left + s, c] k[r,s,c])
// with kernels/requantise_int8.h's formula. Layouts: x, y NHWC, pitch at least their channels rounded up to 16, y's
// gaps are overwritten; kernel HWC signed bytes. Outside the picture a pixel is 0: x's byte for 0 must be 0.
// CPU alone.
#pragma once

#include "kernels/depthwise_int8_row.h"
#include "kernels/product_int8.h"

namespace karyon {

PackedDepthwise pack_depthwise_int8(const std::int8_t* kernel, const std::int32_t* bias, const float* scale,
                                    int channels);

/// output.scale is not read: the scale is packed.
void depthwise_conv_int8(const Stream& stream, ConstByteView x, const PackedDepthwise& packed,
                         const ConvGeometry& geometry, const ByteOutput& output, ByteView y,
                         const DepthwiseVariant& variant = depthwise_variants().front());

}  // namespace karyon
