// The one thing about a zip that libzip does not tell: whether a name in its directory holds a NUL byte (it shows a
// space instead), by which two programs can be made to see two different names.
// Invariant: no length in the file is believed before it was checked against the file's size.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace karyon {

/// The `size` bytes from `begin`, or as many of them as there are.
using ReadPart = std::function<std::string(std::uint64_t begin, std::uint64_t size)>;

/// The names of the central directory (APPNOTE.TXT 4.3.12 to 4.3.16) byte for byte, in its order. Empty when the
/// directory has no entry, or is not where the archive's end says.
std::vector<std::string> zip_names(std::uint64_t archive_size, const ReadPart& read_part);

}  // namespace karyon
