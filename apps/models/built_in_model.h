// The model in the box: weights/nuclei.safetensors, which is part of the programs themselves.
// Invariant: it is there wherever the program is, whatever the folder it was built in has become.
#pragma once

#include "weights/checkpoint.h"

namespace karyon {

/// What messages call it.
constexpr const char* kBuiltInModel = "the model in the box";

Checkpoint built_in_model();

}  // namespace karyon
