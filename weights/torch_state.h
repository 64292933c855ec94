// What a PyTorch state dict's pickle says: which storages there are, and which part of which storage each tensor is.
// Invariant: a tensor that comes back lies within its storage and has no more elements than it; all numbers were
// checked without overflow. Whether the storages are there is the file's to check.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "weights/archive.h"
#include "weights/pickle.h"

namespace karyon {

/// A row of elements that one tensor or several are views of.
struct TorchStorage {
  std::string key;  // its name in the file
  ArchiveType type = ArchiveType::f32;
  std::uint64_t count = 0;
  [[nodiscard]] std::uint64_t bytes() const { return count * element_size(type); }
};

struct TorchTensor {
  ArchiveEntry entry;
  std::size_t storage = 0;             // its place in TorchState::storages
  std::uint64_t offset = 0;            // in elements, as are the strides
  std::vector<std::uint64_t> strides;  // one an extent of the shape
};

struct TorchState {
  std::vector<TorchStorage> storages;  // all that the pickle names, no key twice
  std::vector<TorchTensor> tensors;    // in the dict's order, no name twice
};

/// The pickle's value is a dict of tensors (or parameters) by name, or a dict that holds such a one under "state_dict";
/// then what lies beside it, such as an optimizer's state, is passed over. Error bad_data, which begins with `source`,
/// for anything else: an item that is no tensor, a view beyond its storage, stride 0 along more than one element, a
/// rank over 8, a storage of two types or counts. Source: torch/_utils.py and torch/serialization.py.
TorchState read_torch_state(const Pickle& pickle, const std::string& source);

/// The tensor's elements in row-major order, out of its storage's bytes.
std::vector<std::uint8_t> gather(const TorchTensor& tensor, std::span<const std::uint8_t> storage);

}  // namespace karyon
