// From the bytes of a PNG or JPEG file to a picture of a stated form.
// Invariant: nothing is allocated before the size in the header was checked, and a picture comes back whole or not at
// all: a PNG with a wrong checksum anywhere, or one cut short, is an error, and so is a JPEG without its end marker.
// (A JPEG carries no checksum: a flipped bit inside its data cannot be seen.)
//
// The rules of conversion: a palette is expanded; 1, 2 and 4 bit grey is scaled to 0..255; of 16 bits the high byte is
// kept; transparency is dropped, whatever lies beneath shows; no gamma or colour profile is applied. Pixels stand as
// they are stored: an Exif orientation is not applied, so that results fit the file's own grid. Animated PNG, CMYK
// JPEG and every other format are refused by name.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "apps/images/picture.h"

namespace karyon {

struct PictureLimits {
  std::uint64_t max_pixels = std::uint64_t{1} << 28;  // width * height, from the header
};

/// RGB, 3 channels; grey is replicated. `name` is what messages call the file. Error bad_data for anything but a whole
/// PNG or JPEG within the limits.
Picture decode_rgb(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits = {});

/// Grey, 1 channel; colour becomes its luma (ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B, rounded). For masks, where a
/// pixel counts when it is over 127.
Picture decode_grey(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits = {});

}  // namespace karyon
