// Conversion between storage types, element by element.
//   float to Bfloat16 rounds to nearest, ties to even; Bfloat16 to float is exact
// Layouts: NHWC of any pitch, equal sizes. Aliasing: none allowed. No backward: casts stand outside of the tape, at its
// edges (master weights, results).
#pragma once

#include "kernels/op.h"

namespace karyon {

/// y = x as floats; with T = float a copy, which makes a slice dense.
KERNEL_AS(to_float32, (Stream & stream, View<const T> x, FloatView y))

namespace cuda {
/// y = x rounded. On CUDA alone: the CPU stores floats.
void to_bfloat16(Stream& stream, ConstFloatView x, View<Bfloat16> y);
}  // namespace cuda

}  // namespace karyon
