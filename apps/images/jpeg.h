// JPEG by stb_image, from memory, behind a look of our own at the file's markers.
// Invariant: stb_image sees a file only after its size, its number of colours and its end marker were checked; it would
// fill up what a cut file lacks, and take CMYK for something else.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "apps/images/decode.h"
#include "apps/images/picture.h"

namespace karyon {

/// RGB, 3 channels, by the rules of decode.h. Error bad_data.
Picture decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits);

}  // namespace karyon
