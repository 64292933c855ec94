// JPEG by stb_image, from memory, behind a look of our own at the file's markers.
// Invariant: stb_image sees a file only after its size, its number of colours and its end marker were checked; it would
// fill up what a cut file lacks, and take CMYK for something else.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "apps/images/decode.h"
#include "apps/images/raw_picture.h"

namespace karyon {

/// 1 channel for grey files, 3 for colour; 8 bits, by the rules of decode.h. Error bad_data.
RawPicture decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits);

}  // namespace karyon
