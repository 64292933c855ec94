// TIFF files of every form, written by libtiff, for the tests of the reader.
// Invariant: deterministic; the samples given are the samples stored.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tiffio.h>

namespace karyon {

struct TiffForm {
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 8, samples = 1;
  std::uint16_t photometric = PHOTOMETRIC_MINISBLACK, compression = COMPRESSION_NONE, format = SAMPLEFORMAT_UINT;
  bool in_planes = false;
  std::uint32_t tile = 0;              // side of a tile; 0 is strips
  std::uint32_t rows = 3;              // of a strip
  std::vector<std::uint16_t> extra;    // what the samples beyond the colours are
  std::vector<std::uint16_t> palette;  // red, green, blue: 2^bits of each
  std::vector<std::uint32_t> values;   // interleaved, height * width * samples; empty is a pattern
};

/// The values that a form without any has: varied, within the bits.
std::vector<std::uint32_t> pattern_of(const TiffForm& form);

/// A file of these pages. mode: libtiff's: "w", with b or l for the byte order and 8 for BigTIFF.
std::vector<std::uint8_t> write_tiff(const std::vector<TiffForm>& pages, const std::string& mode = "w");

}  // namespace karyon
