// What an exported model must answer: pictures of noise of several sizes and numbers, and Karyon's own logits.
// Invariant: tests/onnx_check.py reads what is written here, in every runtime that it finds.
#pragma once

#include <filesystem>

#include "model/unet.h"
#include "weights/checkpoint.h"

namespace karyon {

/// Writes image_K.npy ([N, 3, H, W], 0 .. 255) and logits_K.npy ([N, classes, H, W]) into the folder.
void write_export_case(Context& context, const UNet& unet, const Checkpoint& description,
                       const std::filesystem::path& folder);

}  // namespace karyon
