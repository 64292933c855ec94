// Weights that PyTorch saved with torch.save: a zip of a pickle and one entry a storage (since 1.6), or a stream of
// pickles with the storages behind them (before). Both are read as data; no Python is run.
// Invariant: all tensors lie within bytes that are there, and there are no more bytes of tensors than 1 GB and 16 times
// the file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weights/archive.h"

namespace karyon {

/// The whole file's bytes; `source` names it in messages. container() is "pytorch-zip" or "pytorch-legacy". What
/// becomes of the pickle's items: read_torch_state. Error bad_data with the rule that is broken.
/// Source: torch/serialization.py.
std::unique_ptr<Archive> read_torch(std::vector<std::uint8_t> bytes, const std::string& source);

}  // namespace karyon
