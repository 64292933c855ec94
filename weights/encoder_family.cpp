// Invariant: recognition goes by whole tensor names that one publisher alone uses.
#include "weights/encoder_family.h"

#include <algorithm>

namespace karyon {

namespace {

// TF-slim's checkpoint after TensorFlow Lite's converter folded the batch norms: kernels OHWI, depthwise 1HWC.

std::string slim_scope(const EncoderConv& conv) {
  const std::string root = "MobilenetV2/";
  if (conv.role == ConvRole::stem) return root + "Conv/";
  const std::string block =
      root + (conv.block == 0 ? "expanded_conv" : "expanded_conv_" + std::to_string(conv.block)) + "/";
  switch (conv.role) {
    case ConvRole::expand:
      return block + "expand/";
    case ConvRole::depthwise:
      return block + "depthwise/";
    default:
      return block + "project/";
  }
}

std::string slim_kernel(const EncoderConv& conv) {
  return slim_scope(conv) + (conv.role == ConvRole::depthwise ? "depthwise_weights" : "weights");
}

std::string slim_bias(const EncoderConv& conv) { return slim_scope(conv) + "biases"; }

bool slim_is_classifier(std::string_view tensor) { return tensor.starts_with("MobilenetV2/Logits/"); }

bool slim_is_optional(std::string_view tensor) {
  return tensor.starts_with("MobilenetV2/Conv_1/") || slim_is_classifier(tensor);
}

std::string slim_contradiction(const Archive& archive) {
  struct Fact {
    const char* key;
    const char* part;
  };
  constexpr std::array<Fact, 6> facts{{{"batch_norm", "folded"},
                                       {"conv_layout", "OHWI"},
                                       {"depthwise_layout", "1HWC"},
                                       {"padding", "SAME"},
                                       {"activation", "relu6"},
                                       {"input", "127.5"}}};
  for (const Fact& fact : facts) {
    const auto said = archive.metadata().find(fact.key);
    if (said != archive.metadata().end() && said->second.find(fact.part) == std::string::npos) {
      return std::string(fact.key) + " is '" + said->second + "', expected " + fact.part;
    }
  }
  return {};
}

constexpr std::array<EncoderFamily, 1> kFamilies{{{.name = "tf-slim",
                                                   .padding = "same",
                                                   .activation = "relu6",
                                                   .normalisation_name = "x/127.5-1",
                                                   .normalisation = {},
                                                   .batch_norm_epsilon = 1e-3,
                                                   .conv_axes = {1, 2, 3, 0},
                                                   .depthwise_axes = {1, 2, 3, 0},
                                                   .kernel_name = slim_kernel,
                                                   .bias_name = slim_bias,
                                                   .is_optional = slim_is_optional,
                                                   .is_classifier = slim_is_classifier,
                                                   .contradiction = slim_contradiction}}};

struct Stranger {
  const char* tensor;
  const char* words;
};
constexpr std::array<Stranger, 6> kStrangers{
    {{"mobilenetv20_features_conv0_weight",
      "Gluon's MobileNetV2, another network: stride at block 10, plain ReLU; it would load without an error and "
      "compute nonsense"},
     {"features.0.0.weight", "torchvision's MobileNetV2, a family not read here"},
     {"conv_stem.weight", "timm's MobileNetV2, a family not read here"},
     {"mobilenet_v2.conv_stem.first_conv.convolution.weight", "Hugging Face's MobileNetV2, a family not read here"},
     {"MobilenetV2/Conv/BatchNorm/gamma", "a TF-slim checkpoint whose batch norm is not folded, a form not read here"},
     {"encoder/Conv1/kernel", "a whole trained model of Karyon, not weights of the encoder alone"}}};

}  // namespace

std::span<const EncoderFamily> encoder_families() { return kFamilies; }

std::string recognised_stranger(const Archive& archive) {
  const auto* found =
      std::ranges::find_if(kStrangers, [&](const Stranger& entry) { return archive.find(entry.tensor) != nullptr; });
  return found == kStrangers.end() ? std::string{} : found->words;
}

}  // namespace karyon
