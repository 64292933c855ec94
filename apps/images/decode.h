// From the bytes of a PNG, JPEG or TIFF file to a picture of a stated form.
// Invariant: nothing is allocated before the size in the header was checked, and a picture comes back whole or not at
// all: a PNG with a wrong checksum anywhere, or one cut short, is an error, and so is a JPEG without its end marker and
// a TIFF with a strip or tile that is missing or short. (JPEG and TIFF carry no checksums: a flipped bit inside their
// data cannot always be seen.)
//
// The rules of conversion: a palette is expanded; 1, 2 and 4 bits are scaled to 0..255; transparency is dropped,
// whatever lies beneath shows; no gamma or colour profile is applied. Pixels stand as they are stored: an orientation,
// Exif's or TIFF's, is not applied, so that results fit the file's own grid. A TIFF whose 0 is white is turned round.
// Animated PNG, CMYK, signed, 32-bit and floating-point pixels and every other format are refused by name.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "apps/images/picture.h"
#include "apps/images/raw_picture.h"

namespace karyon {

struct PictureLimits {
  std::uint64_t max_pixels = std::uint64_t{1} << 28;  // width * height, from the header
};

/// What the file holds, 8 or 16 bits, grey or RGB. `name` is what messages call the file; `page` counts from 0, and
/// only a TIFF can have more than one. Error bad_data for anything but a whole PNG, JPEG or TIFF within the limits, and
/// for a page that is not there, naming how many there are.
RawPicture decode_raw(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits = {},
                      int page = 0);

/// RGB, 3 channels of 8 bits: the first page, of 16 bits the high byte; grey is replicated. Errors as above.
Picture decode_rgb(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits = {});

/// Grey, 1 channel of 8 bits, of 16 the high byte; colour becomes its luma (ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B,
/// rounded). For masks, where a pixel counts when it is over 127.
Picture decode_grey(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits = {});

/// The numbers of a label image, unscaled: grey PNG of 8 or 16 bits, or the first page of a TIFF with one unsigned
/// sample of 8, 16 or 32 bits a pixel (a palette's indices count, as ImageJ stores coloured labels; where 0 is white,
/// 0 is still no nucleus). Error bad_data for everything else.
LabelRaster decode_labels(std::span<const std::uint8_t> bytes, const std::string& name,
                          const PictureLimits& limits = {});

/// Whether the header says that the file is a label image rather than a mask: a grey PNG of 16 bits, a TIFF of 16
/// or 32. Error bad_data for a TIFF that cannot be read.
bool is_label_image(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits = {});

/// The check of a header's size that all formats share. Error bad_data, naming `format`, for a size that no image can
/// have or that is over the limit.
void check_size(std::uint64_t width, std::uint64_t height, const std::string& name, const std::string& format,
                const PictureLimits& limits);

}  // namespace karyon
