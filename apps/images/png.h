// PNG by libpng.
// Invariant: libpng's errors leave as Error with the file's name; every checksum is verified, those of ancillary chunks
// too, whose contents are not used.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/images/decode.h"
#include "apps/images/picture.h"
#include "apps/images/raw_picture.h"

namespace karyon {

/// 1 channel for grey files, 3 for colour and palette; 8 or 16 bits, no alpha, by the rules of decode.h. Error
/// bad_data.
RawPicture decode_png(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits);

/// 8 or 16, where a PNG's header says one grey channel of so many bits, whose samples are what was written; else 0.
int label_bits(std::span<const std::uint8_t> bytes);

/// The bytes of a PNG file, 8 bits a channel, of 1, 3 or 4 channels.
std::vector<std::uint8_t> encode_png(const Picture& picture);

/// One grey channel of 16 bits: height * width labels, row by row from the top.
std::vector<std::uint8_t> encode_png16_grey(std::span<const std::uint16_t> labels, int width, int height);

}  // namespace karyon
