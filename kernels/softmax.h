// What a prediction is read from: class probabilities and the most probable class.
//   softmax: p_k = exp(z_k - max z) / sum_j exp(z_j - max z);  argmax: the largest logit, the first of equals
// Layouts: logits and probabilities NHWC of any pitch, classes uint8 NHW dense. Aliasing: probabilities may be logits.
// No backward: training takes softmax_xent.h.
#pragma once

#include "kernels/op.h"

namespace karyon {

KERNEL(softmax, (Stream & stream, ConstFloatView logits, FloatView probabilities))
KERNEL(argmax, (Stream & stream, ConstFloatView logits, std::uint8_t* classes))

}  // namespace karyon
