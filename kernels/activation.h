// ReLU and ReLU6 as passes of their own, for where no op carries them along.
//   relu(x) = max(x, 0); relu6(x) = min(max(x, 0), 6)
// backward: dx = dy where 0 < y (and y < 6 for relu6), else 0; at the kinks the gradient is 0, as in TensorFlow.
// Layouts: NHWC of any pitch. Aliasing: y may be x, dx may be dy. Saved for backward: y.
#pragma once

#include "kernels/op.h"

namespace karyon {

KERNEL_AS(activation_forward, (Stream & stream, View<const T> x, Activation act, View<T> y))
KERNEL_AS(activation_backward, (Stream & stream, View<const T> dy, View<const T> y, Activation act, View<T> dx))

}  // namespace karyon
