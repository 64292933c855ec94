// y = a + b, element by element. Layouts: NHWC of any pitch. Aliasing: y may be a or b.
// The gradient of both inputs is dy itself, so there is no backward kernel.
#pragma once

#include "kernels/op.h"

namespace karyon {

KERNEL_AS(add, (Stream & stream, View<const T> a, View<const T> b, View<T> y))

}  // namespace karyon
