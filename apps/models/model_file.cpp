#include "apps/models/model_file.h"

#include <algorithm>
#include <array>
#include <map>

#include "apps/models/parameters.h"
#include "kernels/check.h"
#include "weights/encoder_layout.h"

namespace karyon {

PaddingRule padding_rule(const std::string& text, const std::string& source) {
  if (text == "same") return PaddingRule::same;
  if (text == "symmetric") return PaddingRule::symmetric;
  throw Error(Exit::bad_data, source + ": padding '" + text + "' is neither 'same' nor 'symmetric'");
}

UNetOptions unet_options(const Checkpoint& checkpoint, const std::string& source) {
  UNetOptions options;
  options.encoder.width = checkpoint.width;
  options.encoder.padding = padding_rule(checkpoint.padding, source);
  options.encoder.epsilon = static_cast<float>(checkpoint.encoder_batch_norm.epsilon);
  options.encoder.momentum = static_cast<float>(checkpoint.encoder_batch_norm.momentum);
  options.epsilon = static_cast<float>(checkpoint.decoder_batch_norm.epsilon);
  options.momentum = static_cast<float>(checkpoint.decoder_batch_norm.momentum);
  options.classes = checkpoint.classes;
  if (checkpoint.activation != "relu6") {
    throw Error(Exit::bad_data, source + ": activation '" + checkpoint.activation + "', expected 'relu6'");
  }
  if (checkpoint.decoder_filters.size() != options.filters.size()) {
    throw Error(Exit::bad_data, source + ": " + std::to_string(checkpoint.decoder_filters.size()) +
                                    " decoder filters, expected " + std::to_string(options.filters.size()));
  }
  if (checkpoint.classes < 2) {
    throw Error(Exit::bad_data, source + ": " + std::to_string(checkpoint.classes) + " class, expected 2 or more");
  }
  if (checkpoint.image_height % kSizeMultiple != 0 || checkpoint.image_width % kSizeMultiple != 0) {
    throw Error(Exit::bad_data, source + ": images of " + std::to_string(checkpoint.image_height) + " x " +
                                    std::to_string(checkpoint.image_width) + ", expected multiples of " +
                                    std::to_string(kSizeMultiple));
  }
  std::copy(checkpoint.decoder_filters.begin(), checkpoint.decoder_filters.end(), options.filters.begin());
  return options;
}

namespace {

/// What up_2, up_3, up_4 and the head get beside the upsampler before them.
constexpr std::array<const char*, kUpsamplers> kSkips{"block_13_expand", "block_6_expand", "block_3_expand",
                                                      "block_1_expand"};

/// Every kernel of the network has the shape that the options ask for: checked before the network is made, so that
/// nothing is allocated from a number that the file's own size does not bear out.
void check_kernels(const Checkpoint& checkpoint, const UNetOptions& options, const std::string& source) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const NamedArray& array : checkpoint.tensors) shapes.emplace(array.name, array.shape);
  const auto check = [&](const std::string& name, const std::vector<std::int64_t>& wanted) {
    const auto found = shapes.find(name);
    const std::string is = found == shapes.end() ? "is missing" : "is " + shape_text(found->second);
    if (found != shapes.end() && found->second == wanted) return;
    throw Error(Exit::bad_data, source + ": the weights do not fit the model that the file describes: " + name + " " +
                                    is + ", expected " + shape_text(wanted));
  };
  std::map<std::string, std::int64_t> channels;  // of the encoder's convolutions
  for (const EncoderConv& conv : mobilenet_v2_convs(options.encoder.width)) {
    const auto shape = conv.kernel_shape();
    check("encoder/" + conv.name + "/kernel", {shape.begin(), shape.end()});
    channels.emplace(conv.name, conv.outputs);
  }
  std::int64_t inputs = channels.at("block_16_project");
  for (std::size_t k = 0; k < kUpsamplers; ++k) {
    const std::int64_t outputs = options.filters[k];
    check("up_" + std::to_string(k + 1) + "/conv_transpose/kernel", {3, 3, outputs, inputs});
    inputs = outputs + channels.at(kSkips[k]);
  }
  check("head/kernel", {3, 3, options.classes, inputs});
}

}  // namespace

std::unique_ptr<UNet> load_unet(Context& context, const Checkpoint& checkpoint, const std::string& source) {
  const UNetOptions options = unet_options(checkpoint, source);
  check_kernels(checkpoint, options, source);
  auto unet = std::make_unique<UNet>(context, options);
  assign_arrays(*unet, "", checkpoint.tensors, {}, source);
  unet->fold();
  return unet;
}

std::unique_ptr<MobileNetV2> make_classifier(Context& context, const EncoderWeights& weights,
                                             const std::string& source) {
  if (weights.classes == 0) throw Error(Exit::bad_data, source + ": there is no classifier in this file");
  EncoderOptions options;
  options.width = weights.width;
  options.padding = padding_rule(weights.padding, source);
  options.epsilon = static_cast<float>(weights.batch_norm_epsilon);
  options.classes = static_cast<int>(weights.classes);
  auto network = std::make_unique<MobileNetV2>(context, "classifier", options);
  std::vector<NamedArray> arrays = weights.tensors;
  arrays.insert(arrays.end(), weights.classifier_tensors.begin(), weights.classifier_tensors.end());
  assign_arrays(*network, "", arrays, {}, source);
  network->fold(context);
  return network;
}

void assign_encoder(MobileNetV2& encoder, const EncoderWeights& weights, const std::string& source) {
  // The U-Net taps the last projection before its batch norm.
  assign_arrays(encoder, "", weights.tensors, {"block_16_project_BN/"}, source);
}

}  // namespace karyon
