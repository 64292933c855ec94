// What the encoder of a weights file gives for pictures, under the names of Keras's layers.
// Invariant: everything that decides the numbers (padding, epsilon, scaling) comes from the weights' own family.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "weights/encoder_weights.h"

namespace karyon {

/// `images` uint8 [n, h, w, 3]. The five taps, and block_16_project_BN, which is the last one after its batch norm.
/// Tensors live in `context`. Error bad_data when the weights do not fit; `source` names them.
std::map<std::string, Tensor> encoder_taps(Context& context, const EncoderWeights& weights, const std::string& source,
                                           const std::vector<std::uint8_t>& images, int n, int h, int w);

}  // namespace karyon
