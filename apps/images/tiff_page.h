// What a TIFF's directory says of one page, checked.
// Invariant: a TiffPage's sizes belong to a picture within the limits, and a strip or tile of it is no larger than the
// picture or 64 MiB.
#pragma once

#include <cstdint>
#include <string>

#include "apps/images/decode.h"
#include "apps/images/tiff_handle.h"

namespace karyon {

struct TiffPage {
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1;         // of a sample
  std::uint16_t samples = 1;      // of a pixel, alpha among them
  std::uint16_t photometric = 0;  // PHOTOMETRIC_...
  std::uint16_t compression = 1;  // COMPRESSION_...
  bool in_planes = false;         // each sample in strips or tiles of its own
  bool is_tiled = false;
  std::uint32_t block_width = 0, block_height = 0;  // of a tile, or of a strip that is not the last
  std::uint64_t block_bytes = 0;                    // decoded

  /// Samples that stand together in a strip or tile for each pixel.
  [[nodiscard]] unsigned stride() const { return in_planes ? 1 : samples; }
};

/// How many pages the file has. Error bad_data when their chain is broken or goes in a circle.
int count_pages(TIFF* tiff, TiffMemory& memory, const std::string& name);

/// The page that the handle stands at. Error bad_data, naming what cannot be read and what to do.
TiffPage read_page(TIFF* tiff, TiffMemory& memory, const std::string& name, const PictureLimits& limits);

}  // namespace karyon
