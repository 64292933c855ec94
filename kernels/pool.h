// Global average pooling: the mean of each channel over an image.
//   y[n,0,0,c] = (1 / (h w)) sum over p, q of x[n,p,q,c]
// Layouts: NHWC of any pitch, y of size 1x1. Aliasing: none allowed. No backward: only the classifier head of inference
// uses it, and that refuses to be recorded.
#pragma once

#include "kernels/op.h"

namespace karyon {

KERNEL(global_average_pool, (Stream & stream, ConstFloatView x, FloatView y))

}  // namespace karyon
