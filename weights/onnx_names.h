// The names that PyTorch's publishers give MobileNetV2's parameters in a state dict. The exporter may have lost them:
// what it folds batch norm into gets a new name.
// Invariant: names follow from the layer's place alone.
#pragma once

#include <string>

#include "weights/encoder_layout.h"

namespace karyon {

struct OnnxLayerNames {
  std::string conv;        // "features.0.0": its kernel is "features.0.0.weight"
  std::string batch_norm;  // "features.0.1"
};

struct OnnxNames {
  OnnxLayerNames (*layer)(ConvRole role, int block);
  OnnxLayerNames last;  // the last 1x1
  std::string classifier;
};

OnnxNames torchvision_names();
OnnxNames timm_names();
OnnxNames hugging_face_names();

}  // namespace karyon
