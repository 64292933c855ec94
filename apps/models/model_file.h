// The U-Net from a checkpoint, and back.
// Invariant: what a checkpoint says (widths, padding, scaling, epsilons) is all that is needed to build the same
// network.
#pragma once

#include <filesystem>
#include <memory>

#include "model/unet.h"
#include "weights/checkpoint.h"
#include "weights/encoder_weights.h"

namespace karyon {

/// Options of the network that the checkpoint holds. Error bad_data where it names something this version cannot build.
UNetOptions unet_options(const Checkpoint& checkpoint, const std::string& source);

/// Builds the network and loads the weights; folded and ready for inference. Error bad_data where they do not fit.
std::unique_ptr<UNet> load_unet(Context& context, const Checkpoint& checkpoint, const std::string& source);

/// Loads ImageNet weights into the encoder, whose width and padding must be the file's.
void assign_encoder(MobileNetV2& encoder, const EncoderWeights& weights, const std::string& source);

/// The ImageNet classifier that the weights hold, folded and ready for inference. Error bad_data where they hold none.
std::unique_ptr<MobileNetV2> make_classifier(Context& context, const EncoderWeights& weights,
                                             const std::string& source);

/// "same" or "symmetric". Error bad_data otherwise.
PaddingRule padding_rule(const std::string& text, const std::string& source);

}  // namespace karyon
