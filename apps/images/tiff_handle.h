// libtiff on bytes in memory.
// Invariant: nothing of libtiff's goes to stderr: its messages gather in the handle that they concern, so many threads
// may each have a file of their own; no exception passes through libtiff's frames.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <tiffio.h>

namespace karyon {

/// What libtiff reads from or writes to, and what it said about it.
struct TiffMemory {
  std::span<const std::uint8_t> bytes;           // of a file that is read
  std::vector<std::uint8_t>* written = nullptr;  // of one that is written, else null
  std::uint64_t position = 0;
  std::string error, warning;  // the first of each since they were last cleared
};

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using TiffHandle = std::unique_ptr<TIFF, CloseTiff>;

/// Null, and a message in `memory`, when the header or the first page's directory is broken. `memory` must outlive the
/// handle. libtiff allocates at most max_allocation bytes at once.
TiffHandle open_tiff(TiffMemory& memory, std::uint64_t max_allocation);

/// A new file, of which memory.written takes the bytes; they are whole when the handle is gone and there is no error.
TiffHandle create_tiff(TiffMemory& memory);

}  // namespace karyon
