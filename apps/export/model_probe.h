// A probe of a model: what its network answers at a few pixels of an image that anyone can make again.
// Invariant: the image is a pure function of nothing (counter-based random blocks of 8 x 8 pixels), so that the answers
// of one model differ by rounding alone, on any machine.
#pragma once

#include <vector>

#include "model/unet.h"
#include "weights/checkpoint.h"

namespace karyon {

/// Logits of all classes at 16 pixels of a 64 x 64 image, class by class.
std::vector<float> model_probe(Context& context, const UNet& unet, const Normalisation& normalisation);

/// The same model with its weights rounded to 16 bits and the probe of what is left: a file's bytes. `source` names the
/// model in messages. Error bad_data when a weight is too large for 16 bits.
std::vector<std::uint8_t> half_model(Context& context, const Checkpoint& checkpoint, const std::string& source);

}  // namespace karyon
