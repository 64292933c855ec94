// Resizing as TensorFlow's tf.image.resize does it: half-pixel centres, no antialiasing.
//   source position of row p: (p + 0.5) * in_h / out_h - 0.5 (bilinear: neighbours clamped to the edge);
//   bytes are blended in float and rounded, halves up;
//   nearest: floor((p + 0.5) * in_h / out_h), clamped. Positions are computed in float, as TensorFlow does.
// Layouts: x, y NHWC of any pitch with equal n and c. Aliasing: none allowed. No backward: only inputs and predictions
// are resized.
#pragma once

#include "kernels/op.h"

namespace karyon {

KERNEL(resize_bilinear, (Stream & stream, ConstFloatView x, FloatView y))
KERNEL(resize_bilinear, (Stream & stream, View<const std::uint8_t> x, View<std::uint8_t> y))
KERNEL(resize_nearest, (Stream & stream, View<const std::uint8_t> x, View<std::uint8_t> y))

}  // namespace karyon
