// Invariant: recognition goes by whole tensor names that one publisher alone uses.
#include "weights/encoder_family.h"

#include <algorithm>

#include "kernels/check.h"

namespace karyon {

namespace {

/// How PyTorch's preprocessing scales: (x / 255 - mean) / deviation, by channel.
constexpr Normalisation kTorchNormalisation = [] {
  constexpr std::array<double, 3> mean{0.485, 0.456, 0.406}, deviation{0.229, 0.224, 0.225};
  Normalisation n;
  for (std::size_t c = 0; c < 3; ++c) {
    n.scale[c] = static_cast<float>(1 / (255 * deviation[c]));
    n.shift[c] = static_cast<float>(-mean[c] / deviation[c]);
  }
  return n;
}();
constexpr std::string_view kTorchNormalisationName = "(x/255-[0.485,0.456,0.406])/[0.229,0.224,0.225]";
constexpr std::string_view kTensorFlowNormalisationName = "x/127.5-1";

constexpr std::array<std::string_view, 4> kTensorFlowWords{"/gamma", "/beta", "/moving_mean", "/moving_variance"};
constexpr std::array<std::string_view, 4> kTorchWords{".weight", ".bias", ".running_mean", ".running_var"};
// OIHW kernels; C1HW for a depthwise one.
constexpr std::array<std::size_t, 4> kOihw{2, 3, 1, 0};
constexpr std::array<std::size_t, 4> kDepthwiseOihw{2, 3, 0, 1};
constexpr std::array<std::size_t, 4> kUnchanged{0, 1, 2, 3};

// Keras: its layer names are Karyon's own.

std::string keras_kernel(const EncoderConv& conv) {
  return conv.name + (conv.role == ConvRole::depthwise ? "/depthwise_kernel" : "/kernel");
}

std::string keras_norm(const EncoderConv& conv) { return conv.batch_norm; }

constexpr std::array<MetadataFact, 2> kKerasFacts{{{"padding", "SAME"}, {"activation", "relu6"}}};

// TF-slim: the checkpoint's names; kernels as TensorFlow Lite's converter writes them (OHWI, 1HWC) where it folded the
// batch norms, else as the checkpoint has them (HWIO, HWC1).

std::string slim_scope(const EncoderConv& conv) {
  const std::string root = "MobilenetV2/";
  const std::string block =
      root + (conv.block == 0 ? "expanded_conv" : "expanded_conv_" + std::to_string(conv.block)) + "/";
  switch (conv.role) {
    case ConvRole::stem:
      return root + "Conv/";
    case ConvRole::last:
      return root + "Conv_1/";
    case ConvRole::expand:
      return block + "expand/";
    case ConvRole::depthwise:
      return block + "depthwise/";
    case ConvRole::project:
      break;
  }
  return block + "project/";
}

std::string slim_kernel(const EncoderConv& conv) {
  return slim_scope(conv) + (conv.role == ConvRole::depthwise ? "depthwise_weights" : "weights");
}

std::string slim_bias(const EncoderConv& conv) { return slim_scope(conv) + "biases"; }

std::string slim_norm(const EncoderConv& conv) { return slim_scope(conv) + "BatchNorm"; }

constexpr std::array<MetadataFact, 6> kFoldedSlimFacts{{{"batch_norm", "folded"},
                                                        {"conv_layout", "OHWI"},
                                                        {"depthwise_layout", "1HWC"},
                                                        {"padding", "SAME"},
                                                        {"activation", "relu6"},
                                                        {"input", "RGB, x/127.5-1"}}};
constexpr std::array<MetadataFact, 5> kSlimFacts{{{"batch_norm", "separate"},
                                                  {"conv_layout", "HWIO"},
                                                  {"padding", "SAME"},
                                                  {"activation", "relu6"},
                                                  {"input", "RGB, x/127.5-1"}}};

// torchvision: features.N, whose parts are numbered too; block i is features.(i+1), and block 0 lacks the expansion.

/// "features.3.conv.1": `part` counts the groups of a block, of which the last is the bare projection.
std::string torchvision_part(const EncoderConv& conv, int part) {
  return "features." + std::to_string(conv.block + 1) + ".conv." + std::to_string(part);
}

std::string torchvision_conv(const EncoderConv& conv) {
  const int first = conv.block == 0 ? 0 : 1;  // the depthwise group's number
  switch (conv.role) {
    case ConvRole::stem:
      return "features.0.0";
    case ConvRole::last:
      return "features.18.0";
    case ConvRole::expand:
      return torchvision_part(conv, 0) + ".0";
    case ConvRole::depthwise:
      return torchvision_part(conv, first) + ".0";
    case ConvRole::project:
      break;
  }
  return torchvision_part(conv, first + 1);
}

std::string torchvision_norm(const EncoderConv& conv) {
  const int first = conv.block == 0 ? 0 : 1;
  switch (conv.role) {
    case ConvRole::stem:
      return "features.0.1";
    case ConvRole::last:
      return "features.18.1";
    case ConvRole::expand:
      return torchvision_part(conv, 0) + ".1";
    case ConvRole::depthwise:
      return torchvision_part(conv, first) + ".1";
    case ConvRole::project:
      break;
  }
  return torchvision_part(conv, first + 2);
}

std::string torchvision_kernel(const EncoderConv& conv) { return torchvision_conv(conv) + ".weight"; }
std::string torchvision_bias(const EncoderConv& conv) { return torchvision_conv(conv) + ".bias"; }

constexpr std::array<MetadataFact, 4> kTorchFacts{{{"conv_layout", "OIHW"},
                                                   {"padding", "symmetric 1"},
                                                   {"activation", "relu6"},
                                                   {"input", "RGB, (x/255-[0.485,0.456,0.406])"}}};

// timm: blocks.STAGE.UNIT, with the convolution's kind spelled out.

std::string timm_block(const EncoderConv& conv) {
  constexpr std::array<int, 7> repeats{1, 2, 3, 4, 3, 3, 1};
  int stage = 0, unit = conv.block;
  while (unit >= repeats[static_cast<std::size_t>(stage)]) unit -= repeats[static_cast<std::size_t>(stage++)];
  return "blocks." + std::to_string(stage) + "." + std::to_string(unit) + ".";
}

std::string timm_conv(const EncoderConv& conv) {
  switch (conv.role) {
    case ConvRole::stem:
      return "conv_stem";
    case ConvRole::last:
      return "conv_head";
    case ConvRole::expand:
      return timm_block(conv) + "conv_pw";
    case ConvRole::depthwise:
      return timm_block(conv) + "conv_dw";
    case ConvRole::project:
      break;
  }
  return timm_block(conv) + (conv.block == 0 ? "conv_pw" : "conv_pwl");
}

std::string timm_norm(const EncoderConv& conv) {
  const int first = conv.block == 0 ? 0 : 1;
  switch (conv.role) {
    case ConvRole::stem:
      return "bn1";
    case ConvRole::last:
      return "bn2";
    case ConvRole::expand:
      return timm_block(conv) + "bn1";
    case ConvRole::depthwise:
      return timm_block(conv) + "bn" + std::to_string(first + 1);
    case ConvRole::project:
      break;
  }
  return timm_block(conv) + "bn" + std::to_string(first + 2);
}

std::string timm_kernel(const EncoderConv& conv) { return timm_conv(conv) + ".weight"; }
std::string timm_bias(const EncoderConv& conv) { return timm_conv(conv) + ".bias"; }

// Hugging Face transformers: block 0 is part of the stem, block i is layer.(i-1). Saved with the classifier the names
// stand behind "mobilenet_v2.", saved without it they do not.

std::string hugging_face_unit(const EncoderConv& conv) {
  if (conv.role == ConvRole::stem) return "conv_stem.first_conv";
  if (conv.role == ConvRole::last) return "conv_1x1";
  const std::string block = conv.block == 0 ? "conv_stem." : "layer." + std::to_string(conv.block - 1) + ".";
  if (conv.role == ConvRole::expand) return block + "expand_1x1";
  return block + (conv.role == ConvRole::depthwise ? "conv_3x3" : "reduce_1x1");
}

std::string hugging_face_bare_kernel(const EncoderConv& conv) {
  return hugging_face_unit(conv) + ".convolution.weight";
}
std::string hugging_face_bare_bias(const EncoderConv& conv) { return hugging_face_unit(conv) + ".convolution.bias"; }
std::string hugging_face_bare_norm(const EncoderConv& conv) { return hugging_face_unit(conv) + ".normalization"; }
std::string hugging_face_kernel(const EncoderConv& conv) { return "mobilenet_v2." + hugging_face_bare_kernel(conv); }
std::string hugging_face_bias(const EncoderConv& conv) { return "mobilenet_v2." + hugging_face_bare_bias(conv); }
std::string hugging_face_norm(const EncoderConv& conv) { return "mobilenet_v2." + hugging_face_bare_norm(conv); }

constexpr std::array<MetadataFact, 3> kHuggingFaceFacts{
    {{"conv_layout", "OIHW"}, {"padding", "SAME"}, {"activation", "relu6"}}};

constexpr EncoderFamily kTensorFlow{.name = {},
                                    .padding = "same",
                                    .activation = "relu6",
                                    .normalisation_name = kTensorFlowNormalisationName,
                                    .normalisation = {},
                                    .batch_norm_epsilon = 1e-3,
                                    .batch_norm_momentum = 0.999,
                                    .conv_axes = kUnchanged,
                                    .depthwise_axes = kUnchanged,
                                    .norm_words = kTensorFlowWords,
                                    .classifier_kernel = {},
                                    .classifier_bias = {},
                                    .bookkeeping = {},
                                    .facts = {}};

constexpr EncoderFamily kTorch{.name = {},
                               .padding = "symmetric",
                               .activation = "relu6",
                               .normalisation_name = kTorchNormalisationName,
                               .normalisation = kTorchNormalisation,
                               .batch_norm_epsilon = 1e-5,
                               .batch_norm_momentum = 0.9,
                               .conv_axes = kOihw,
                               .depthwise_axes = kDepthwiseOihw,
                               .norm_words = kTorchWords,
                               .classifier_kernel = "classifier.weight",
                               .classifier_bias = "classifier.bias",
                               .classifier_axes = {1, 0},
                               .bookkeeping = ".num_batches_tracked",
                               .facts = kTorchFacts};

constexpr EncoderFamily kKeras = [] {
  EncoderFamily f = kTensorFlow;
  f.name = "keras";
  f.kernel_name = keras_kernel;
  f.norm_name = keras_norm;
  f.classifier_kernel = "predictions/kernel";
  f.classifier_bias = "predictions/bias";
  f.classifier_axes = {0, 1};
  f.facts = kKerasFacts;
  return f;
}();

constexpr EncoderFamily kFoldedSlim = [] {
  EncoderFamily f = kTensorFlow;
  f.name = "tf-slim";
  f.conv_axes = {1, 2, 3, 0};
  f.depthwise_axes = {1, 2, 3, 0};
  f.kernel_name = slim_kernel;
  f.bias_name = slim_bias;
  f.classifier_kernel = "MobilenetV2/Logits/Conv2d_1c_1x1/weights";
  f.classifier_bias = "MobilenetV2/Logits/Conv2d_1c_1x1/biases";
  f.classifier_axes = {3, 0};
  f.classifier_rank = 4;
  f.facts = kFoldedSlimFacts;
  return f;
}();

constexpr EncoderFamily kSlim = [] {
  EncoderFamily f = kFoldedSlim;
  f.conv_axes = kUnchanged;
  f.depthwise_axes = kUnchanged;
  f.bias_name = nullptr;
  f.norm_name = slim_norm;
  f.classifier_axes = {2, 3};
  f.facts = kSlimFacts;
  return f;
}();

constexpr EncoderFamily kTorchvision = [] {
  EncoderFamily f = kTorch;
  f.name = "torchvision";
  f.kernel_name = torchvision_kernel;
  f.bias_name = torchvision_bias;
  f.norm_name = torchvision_norm;
  f.classifier_kernel = "classifier.1.weight";
  f.classifier_bias = "classifier.1.bias";
  return f;
}();

constexpr EncoderFamily kTimm = [] {
  EncoderFamily f = kTorch;
  f.name = "timm";
  f.kernel_name = timm_kernel;
  f.bias_name = timm_bias;
  f.norm_name = timm_norm;
  return f;
}();

constexpr EncoderFamily kHuggingFace = [] {
  EncoderFamily f = kTorch;
  f.name = "huggingface";
  f.padding = kTensorFlow.padding;
  f.normalisation_name = kTensorFlow.normalisation_name;
  f.normalisation = kTensorFlow.normalisation;
  f.batch_norm_epsilon = kTensorFlow.batch_norm_epsilon;
  f.batch_norm_momentum = 0.997;
  f.kernel_name = hugging_face_kernel;
  f.bias_name = hugging_face_bias;
  f.norm_name = hugging_face_norm;
  f.facts = kHuggingFaceFacts;
  return f;
}();

constexpr EncoderFamily kBareHuggingFace = [] {
  EncoderFamily f = kHuggingFace;
  f.kernel_name = hugging_face_bare_kernel;
  f.bias_name = hugging_face_bare_bias;
  f.norm_name = hugging_face_bare_norm;
  return f;
}();

constexpr std::array<EncoderFamily, 7> kFamilies{kKeras, kFoldedSlim,  kSlim,           kTorchvision,
                                                 kTimm,  kHuggingFace, kBareHuggingFace};

struct Stranger {
  std::string_view tensor;
  std::string_view words;
};
constexpr std::array<Stranger, 2> kStrangers{
    {{"mobilenetv20_features_conv0_weight", kGluonsNetwork},
     {"encoder/Conv1/kernel", "a whole trained model of Karyon, not weights of the encoder alone"}}};

}  // namespace

std::span<const EncoderFamily> encoder_families() { return kFamilies; }

const EncoderFamily& encoder_family(std::string_view name) {
  const auto* found = std::ranges::find(kFamilies, name, &EncoderFamily::name);
  KARYON_CHECK(found != kFamilies.end(), "a family that exists");
  return *found;
}

std::string contradiction(const EncoderFamily& family, const Archive& archive) {
  for (const MetadataFact& fact : family.facts) {
    const auto said = archive.metadata().find(std::string(fact.key));
    if (said != archive.metadata().end() && !said->second.starts_with(fact.begins)) {
      return std::string(fact.key) + " is '" + said->second + "', expected '" + std::string(fact.begins) + "'";
    }
  }
  return {};
}

std::string recognised_stranger(const Archive& archive) {
  const auto* found = std::ranges::find_if(
      kStrangers, [&](const Stranger& entry) { return archive.find(std::string(entry.tensor)) != nullptr; });
  return found == kStrangers.end() ? std::string{} : std::string(found->words);
}

}  // namespace karyon
