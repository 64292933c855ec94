// ReLU and ReLU6, differentiable, for where no op carries them along.
#pragma once

#include "kernels/activation.h"
#include "layers/module.h"

namespace karyon {

/// y = act(x). Contract: kernels/activation.h.
Tensor activation(Tape& tape, const Tensor& x, Activation act);

}  // namespace karyon
