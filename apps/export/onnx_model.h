// The trained network as an ONNX file, for ONNX Runtime, OpenVINO, bioimage.io and whatever else reads ONNX.
// Invariant: the graph is the one that UNet::infer runs, from the same folded weights, with the normalisation in front:
// the file alone turns pixels into logits. Batch, height and width are free (sides multiples of 32). Equal models give
// equal bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "model/unet.h"
#include "weights/checkpoint.h"

namespace karyon {

/// Of the operators (ONNX's operators.md); every one used has been the same since. Read by any ONNX Runtime from 1.8.
constexpr int kOnnxOpset = 13;
constexpr const char* kOnnxInput = "image";    // [N, 3, H, W]: red, green, blue, 0 .. 255 as in the picture
constexpr const char* kOnnxOutput = "logits";  // [N, classes, H, W]; their softmax over the classes are probabilities

/// `unet` is folded and was made from `description`, whose tensors are not needed.
std::vector<std::uint8_t> onnx_of(const UNet& unet, const Checkpoint& description);

}  // namespace karyon
