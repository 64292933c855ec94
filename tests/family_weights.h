// One random MobileNetV2 in the files of every family.
// Invariant: files made from one seed hold the same network, so what is read from them must be the same to the last
// bit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weights/loaded_archive.h"
#include "weights/named_array.h"

namespace karyon {

/// In canonical form: Keras's names with the plain word "kernel", HWIO and HWC1, batch norms, Conv_1 and predictions.
std::vector<NamedArray> random_mobilenet_v2(double width, std::int64_t classes, std::uint64_t seed);

/// The network as the family writes it: "keras", "tf-slim" (HWIO, batch norm separate), "torchvision", "timm",
/// "huggingface" and "huggingface-bare" (without its prefix). PyTorch's counters of batches are among the tensors.
LoadedArchive in_family(const std::string& family, const std::vector<NamedArray>& network);

/// The bytes of a safetensors file with the archive's tensors.
std::vector<std::uint8_t> as_safetensors(const Archive& archive);

}  // namespace karyon
