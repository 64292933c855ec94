#include "apps/models/model_file.h"

#include <algorithm>

#include "apps/models/parameters.h"
#include "kernels/check.h"

namespace karyon {

PaddingRule padding_rule(const std::string& text, const std::string& source) {
  if (text == "same") return PaddingRule::same;
  if (text == "symmetric") return PaddingRule::symmetric;
  throw Error(Exit::bad_data, source + ": padding \"" + text + "\" is neither \"same\" nor \"symmetric\"");
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
    throw Error(Exit::bad_data, source + ": activation \"" + checkpoint.activation + "\", expected \"relu6\"");
  }
  if (checkpoint.decoder_filters.size() != options.filters.size()) {
    throw Error(Exit::bad_data, source + ": " + std::to_string(checkpoint.decoder_filters.size()) +
                                    " decoder filters, expected " + std::to_string(options.filters.size()));
  }
  std::copy(checkpoint.decoder_filters.begin(), checkpoint.decoder_filters.end(), options.filters.begin());
  return options;
}

std::unique_ptr<UNet> load_unet(Context& context, const Checkpoint& checkpoint, const std::string& source) {
  auto unet = std::make_unique<UNet>(context, unet_options(checkpoint, source));
  assign_arrays(*unet, "", checkpoint.tensors, {}, source);
  unet->fold();
  return unet;
}

void assign_encoder(MobileNetV2& encoder, const EncoderWeights& weights, const std::string& source) {
  // The U-Net taps the last projection before its batch norm.
  assign_arrays(encoder, "", weights.tensors, {"block_16_project_BN/"}, source);
}

}  // namespace karyon
