// The JSON header of a safetensors file, read as a stream of events: no tree is built.
// Invariant: what comes back has only the format's own structure (an object of objects with known fields, at most three
// levels deep, no key twice); numbers are whole and at most 2^53. Whether they fit each other and the data is the
// caller's to check.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/archive.h"

namespace karyon {

struct SafetensorsHeader {
  struct Tensor {
    ArchiveEntry entry;
    std::uint64_t begin = 0;  // data_offsets
    std::uint64_t end = 0;
  };
  std::vector<Tensor> tensors;  // in the header's order
  std::map<std::string, std::string> metadata;
};

/// Error bad_data that opens with "`source`: ".
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& source);

/// "F32" and the like; nullopt for a type that Karyon does not have.
std::optional<ArchiveType> element_type_of(std::string_view dtype);
std::string_view dtype_name(ArchiveType type);

/// A name out of a file, fit for a message: quoted, control characters escaped, at most 80 characters.
std::string printable(const std::string& name);

}  // namespace karyon
