// The model in the box: weights/nuclei.safetensors, which is part of the programs themselves.
// Invariant: it is there wherever the program is, whatever the folder it was built in has become.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weights/checkpoint.h"

namespace karyon {

/// What messages call the model of this path: "" is the one in the box.
std::string model_name(const std::string& path);
/// The bytes of its checkpoint. Errors of read_file.
std::vector<std::uint8_t> model_bytes(const std::string& path);
/// Errors of load_checkpoint.
Checkpoint load_model(const std::string& path);

}  // namespace karyon
