// The model in the box: weights/nuclei.safetensors and, beside it, the ranges of its activations, which are part of the
// programs themselves.
// Invariant: it is there wherever the program is, whatever the folder it was built in has become.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weights/checkpoint.h"

namespace karyon {

/// What messages call the model of this path: "" is the one in the box.
std::string model_name(const std::string& path);
/// The bytes of its checkpoint; the ranges of the one in the box are not among them. Errors of read_file.
std::vector<std::uint8_t> model_bytes(const std::string& path);
/// Errors of load_checkpoint.
Checkpoint load_model(const std::string& path);

}  // namespace karyon
