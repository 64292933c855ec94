// Text in the attributes of an HDF5 file: fixed length, and variable length out of the file's global heap.
// Invariant: at most 64 KB of text come out of one attribute, and only as many bytes as the heap holds.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weights/hdf5_library.h"

namespace karyon {

/// The attribute's texts, none when `object` has no such attribute; `bytes` is the whole file. Error bad_data that
/// opens with `where`.
std::optional<std::vector<std::string>> read_string_attribute(hid_t object, const std::string& attribute,
                                                              std::span<const std::uint8_t> bytes,
                                                              const std::string& where);

}  // namespace karyon
