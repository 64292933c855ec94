// A good file, spoiled in every way that the readers promise to survive: cut short at every 64th part, and every byte
// outside the tensors' data flipped.
// Invariant: deterministic; `visit` sees each mutation once.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/check.h"
#include "weights/archive.h"

namespace karyon {

/// Bytes [first, second) of a file.
using ByteRange = std::pair<std::size_t, std::size_t>;

/// visit(bytes, description) for each mutation of `file`. Bytes in `tensor_data` are left alone.
template <typename Visit>
void for_each_mutation(const std::vector<std::uint8_t>& file, const std::vector<ByteRange>& tensor_data, Visit visit) {
  for (std::size_t part = 0; part < 64; ++part) {
    const std::size_t size = file.size() * part / 64;
    visit(std::vector<std::uint8_t>(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)),
          "cut to " + std::to_string(size) + " bytes");
  }
  std::vector<std::uint8_t> mutated = file;
  for (std::size_t at = 0; at < file.size(); ++at) {
    bool is_data = false;
    for (const auto& [begin, end] : tensor_data) is_data = is_data || (at >= begin && at < end);
    if (is_data) continue;
    for (const std::uint8_t flip : {0x01, 0x80, 0xFF}) {
      mutated[at] = file[at] ^ flip;
      visit(mutated, "byte " + std::to_string(at) + " xor " + std::to_string(flip));
    }
    mutated[at] = file[at];
  }
}

/// What a reader did with a spoiled file: "" when it refused it with Error bad_data that names `source`, or read it
/// into whole tensors; else what is wrong. read() returns a pointer to an Archive.
template <typename Read>
std::string unsafe_reading(const std::string& source, Read read) {
  try {
    const auto archive = read();
    for (const ArchiveEntry& entry : archive->entries()) {
      const std::size_t size = static_cast<std::size_t>(entry.count()) * element_size(entry.type);
      if (archive->read(entry.name).size() != size) return "tensor " + entry.name + " is not whole";
    }
  } catch (const Error& error) {
    if (error.code() != Exit::bad_data) return std::string("another exit code: ") + error.what();
    if (std::string(error.what()).find(source) == std::string::npos) return std::string("no file: ") + error.what();
  }
  return {};
}

/// Whether two archives hold the same tensors, to the last bit.
inline bool same_tensors(const Archive& a, const Archive& b) {
  if (a.entries().size() != b.entries().size()) return false;
  for (const ArchiveEntry& entry : a.entries()) {
    const ArchiveEntry* other = b.find(entry.name);
    if (other == nullptr || other->type != entry.type || other->shape != entry.shape) return false;
    if (a.read(entry.name) != b.read(entry.name)) return false;
  }
  return true;
}

}  // namespace karyon
