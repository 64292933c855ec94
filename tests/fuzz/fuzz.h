// What every fuzz target does with a reader: bytes that are refused by an Error bad_data are fine, anything else that
// is thrown is a finding, and what was read must be whole.
#pragma once

#include <cstdlib>

#include "kernels/check.h"
#include "weights/archive.h"

namespace karyon {

/// read() returns a pointer to an Archive.
template <typename Read>
void fuzz_reader(Read read) {
  try {
    const auto archive = read();
    for (const ArchiveEntry& entry : archive->entries()) {
      const std::size_t size = static_cast<std::size_t>(entry.count()) * element_size(entry.type);
      if (archive->read(entry.name).size() != size) std::abort();
    }
  } catch (const Error& error) {
    if (error.code() != Exit::bad_data) std::abort();
  }
}

}  // namespace karyon
