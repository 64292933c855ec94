// Weights in HDF5 as Keras writes them: by layer name (its published files, save_weights before version 3, whole saved
// models) and by class and counter (version 3's .weights.h5).
// Invariant: every tensor of a layer in the file becomes one entry "LAYER/VARIABLE", with today's layer names; where
// names and order are both in the file and contradict each other, the file is refused.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "weights/archive.h"

namespace karyon {

/// Entries in the network's order, such as "block_3_expand/kernel" and "block_3_expand_BN/moving_variance"; layers that
/// are not MobileNetV2's keep their own names. A file without some layer is no error here. metadata() has
/// "layer_names": "today", "published" (older names, translated) or "counted" (class and counter alone).
/// `source` names the file in messages. Error bad_data for the rules of Hdf5File and for a layout that is not Keras's.
std::unique_ptr<Archive> read_keras_hdf5(std::span<const std::uint8_t> bytes, const std::string& source,
                                         const std::string& container = "hdf5");

}  // namespace karyon
