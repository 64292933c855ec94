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

namespace karyon {

/// 1 channel for grey files, 3 for colour and palette; 8 bits, no alpha, by the rules of decode.h. Error bad_data.
Picture decode_png(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits);

/// The bytes of a PNG file, 8 bits a channel, of 1, 3 or 4 channels.
std::vector<std::uint8_t> encode_png(const Picture& picture);

}  // namespace karyon
