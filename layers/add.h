// Addition of two tensors of one shape (the residual connection), differentiable.
#pragma once

#include "kernels/add.h"
#include "layers/module.h"

namespace karyon {

/// y = a + b; the gradient of both is dy itself.
Tensor add(Tape& tape, const Tensor& a, const Tensor& b);

}  // namespace karyon
