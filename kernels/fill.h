// y = value, every element. Layouts: NHWC of any pitch. No backward: nothing is read.
#pragma once

#include "kernels/op.h"

namespace karyon {

KERNEL(fill, (Stream & stream, float value, FloatView y))

}  // namespace karyon
