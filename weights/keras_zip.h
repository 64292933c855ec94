// Keras 3's own container: a zip with config.json (the model), metadata.json and model.weights.h5.
// Invariant: weights come back only when the model in config.json is one they can be used for: each batch norm's
// epsilon is 1e-3 and each ReLU is ReLU6, as in MobileNetV2 of Keras.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weights/archive.h"

namespace karyon {

/// container() is "keras"; entries as in read_keras_hdf5. `source` names the file in messages. Error bad_data for a
/// broken zip, a missing or broken entry, a config.json of more than 16 MB, and layers of another kind, all of which
/// are listed.
std::unique_ptr<Archive> read_keras_zip(std::vector<std::uint8_t> bytes, const std::string& source);

}  // namespace karyon
