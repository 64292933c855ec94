#include "weights/onnx_names.h"

#include <array>

namespace karyon {

namespace {

OnnxLayerNames torchvision_layer(ConvRole role, int block) {
  if (role == ConvRole::stem) return {"features.0.0", "features.0.1"};
  const std::string root = "features." + std::to_string(block + 1) + ".conv.";
  // Each is a Sequential: [expand, batch norm, ReLU6], [depthwise, ...], project, batch norm; block 0 expands nothing.
  const int depthwise = block == 0 ? 0 : 1;
  switch (role) {
    case ConvRole::expand:
      return {root + "0.0", root + "0.1"};
    case ConvRole::depthwise:
      return {root + std::to_string(depthwise) + ".0", root + std::to_string(depthwise) + ".1"};
    default:
      return {root + std::to_string(depthwise + 1), root + std::to_string(depthwise + 2)};
  }
}

/// "blocks.STAGE.UNIT."
std::string timm_block(int block) {
  constexpr std::array<int, 7> kUnits{1, 2, 3, 4, 3, 3, 1};
  std::size_t stage = 0;
  for (; stage + 1 < kUnits.size() && block >= kUnits[stage]; ++stage) block -= kUnits[stage];
  return "blocks." + std::to_string(stage) + "." + std::to_string(block) + ".";
}

OnnxLayerNames timm_layer(ConvRole role, int block) {
  if (role == ConvRole::stem) return {"conv_stem", "bn1"};
  const std::string root = timm_block(block);
  switch (role) {
    case ConvRole::expand:
      return {root + "conv_pw", root + "bn1"};
    case ConvRole::depthwise:
      return {root + "conv_dw", root + (block == 0 ? "bn1" : "bn2")};
    default:
      return {root + (block == 0 ? "conv_pw" : "conv_pwl"), root + (block == 0 ? "bn2" : "bn3")};
  }
}

OnnxLayerNames hugging_face_unit(const std::string& unit) {
  return {"mobilenet_v2." + unit + ".convolution", "mobilenet_v2." + unit + ".normalization"};
}

OnnxLayerNames hugging_face_layer(ConvRole role, int block) {
  const std::string root = block == 0 ? "conv_stem" : "layer." + std::to_string(block - 1);
  switch (role) {
    case ConvRole::stem:
      return hugging_face_unit("conv_stem.first_conv");
    case ConvRole::expand:
      return hugging_face_unit(root + ".expand_1x1");
    case ConvRole::depthwise:
      return hugging_face_unit(root + ".conv_3x3");
    default:
      return hugging_face_unit(root + ".reduce_1x1");
  }
}

}  // namespace

OnnxNames torchvision_names() { return {torchvision_layer, {"features.18.0", "features.18.1"}, "classifier.1"}; }

OnnxNames timm_names() { return {timm_layer, {"conv_head", "bn2"}, "classifier"}; }

OnnxNames hugging_face_names() { return {hugging_face_layer, hugging_face_unit("conv_1x1"), "classifier"}; }

}  // namespace karyon
