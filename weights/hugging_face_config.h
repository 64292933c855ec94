// The config.json that Hugging Face's transformers write beside model.safetensors: facts that the tensors do not show.
#pragma once

#include <filesystem>

#include "weights/encoder_weights.h"

namespace karyon {

/// Takes padding and epsilon from the file, where there is one for MobileNetV2. Error bad_data when it cannot be read
/// or describes another network than the one that Karyon builds (activation, output stride, head of the first block).
void heed_hugging_face_config(const std::filesystem::path& path, EncoderWeights& weights);

}  // namespace karyon
