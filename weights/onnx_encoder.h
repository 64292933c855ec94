// MobileNetV2 out of an ONNX file, as the state dict it was exported from would name and hold it.
// Invariant: a file that is taken holds that network and no other: operators, wiring, strides, padding, activations and
// channels were all checked. Kernels are OIHW, a depthwise one (channels, 1, 3, 3); a classifier (classes, channels).
#pragma once

#include <memory>
#include <span>

#include "weights/archive.h"

namespace karyon {

/// Where the exporter folded batch norm into the convolutions, each has ".weight" and ".bias"; else the batch norms
/// stand beside them with ".weight", ".bias", ".running_mean", ".running_var". The names are torchvision's unless the
/// file's own show timm or Hugging Face. Metadata: "padding" ("symmetric 1" or "SAME"), "activation" ("relu6"),
/// "batch_norm" ("folded" or "separate, eps 1e-05"), "conv_layout" ("OIHW").
/// Error bad_data that opens with "`source`: ".
std::unique_ptr<Archive> read_onnx(std::span<const std::uint8_t> bytes, const std::string& source);

}  // namespace karyon
