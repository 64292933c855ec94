// TIFF and BigTIFF by libtiff, from memory (TIFF 6.0, Adobe 1992).
// Invariant: a strip or tile at a time is decoded beside the picture, and the picture comes back only when each was
// whole: a short or missing one, and one that its decoder had to mend, is an error. Sizes are checked before anything
// is allocated for them.
//
// Read are strips and tiles, samples together or in planes, every compression that libtiff was built with, of: grey (0
// is black or white) and RGB, each with or without alpha; a palette; JPEG's YCbCr. Refused by name, saying what to do:
// other colours, signed, floating-point and 32-bit samples, odd depths, many channels that are no RGB.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/images/decode.h"
#include "apps/images/raw_picture.h"

namespace karyon {

/// Page `page`, from 0, by the rules of decode.h. Error bad_data.
RawPicture decode_tiff(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits,
                       int page);

/// Bits of a sample of the first page. Error bad_data.
int tiff_bits(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits);

/// The first page's numbers, as decode_labels says. Error bad_data.
LabelRaster decode_tiff_labels(std::span<const std::uint8_t> bytes, const std::string& name,
                               const PictureLimits& limits);

/// The bytes of a TIFF of one 32-bit unsigned channel, deflated by the difference to the left neighbour, in strips of
/// at most 1 MiB (or one row): height * width labels, row by row from the top. Error out_of_memory.
std::vector<std::uint8_t> encode_tiff_labels32(std::span<const std::uint32_t> labels, int width, int height);

}  // namespace karyon
