#include "apps/images/decode.h"

#include <cstring>
#include <string_view>
#include <utility>

#include "apps/images/intensity.h"
#include "apps/images/jpeg.h"
#include "apps/images/png.h"
#include "apps/images/tiff.h"
#include "kernels/check.h"

namespace karyon {
namespace {

bool begins_with(std::span<const std::uint8_t> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

bool is_png(std::span<const std::uint8_t> bytes) { return begins_with(bytes, "\x89PNG\r\n\x1a\n"); }

bool is_jpeg(std::span<const std::uint8_t> bytes) { return begins_with(bytes, "\xFF\xD8\xFF"); }

/// TIFF and BigTIFF, of both byte orders.
bool is_tiff(std::span<const std::uint8_t> bytes) {
  using namespace std::string_view_literals;
  return begins_with(bytes, "II*\0"sv) || begins_with(bytes, "MM\0*"sv) || begins_with(bytes, "II+\0"sv) ||
         begins_with(bytes, "MM\0+"sv);
}

/// What the file looks like, for a message.
std::string guess(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return "the file is empty";
  if (begins_with(bytes, "BM")) return "it looks like a BMP";
  if (begins_with(bytes, "GIF8")) return "it looks like a GIF";
  if (begins_with(bytes, "RIFF")) return "it looks like a WebP";
  if (begins_with(bytes, "PK\3\4")) return "it looks like a zip";
  return "its first bytes belong to no image format known here";
}

}  // namespace

void check_size(std::uint64_t width, std::uint64_t height, const std::string& name, const std::string& format,
                const PictureLimits& limits) {
  const std::string size = std::to_string(width) + " x " + std::to_string(height);
  if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX) {
    throw Error(Exit::bad_data,
                name + ": the " + format + "'s header says " + size + " pixels, which no image can have");
  }
  if (width * height > limits.max_pixels) {
    throw Error(Exit::bad_data, name + ": " + size + " pixels are over the limit of " +
                                    std::to_string(limits.max_pixels) + "; cut the image into tiles");
  }
}

RawPicture decode_raw(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits,
                      int page) {
  if (is_tiff(bytes)) return decode_tiff(bytes, name, limits, page);
  if (!is_png(bytes) && !is_jpeg(bytes)) {
    throw Error(Exit::bad_data, name + " is not an image that can be read: not a PNG, JPEG or TIFF (" + guess(bytes) +
                                    "); convert it to PNG");
  }
  if (page != 0) {
    throw Error(Exit::bad_data, name + " has 1 page, so there is no page " + std::to_string(page + 1));
  }
  return is_png(bytes) ? decode_png(bytes, name, limits) : decode_jpeg(bytes, name, limits);
}

Picture decode_rgb(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
  return EightBits(decode_raw(bytes, name, limits), Normalise::plain).rgb();
}

Picture decode_grey(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
  Picture native = to_eight_bits(decode_raw(bytes, name, limits), Normalise::plain);
  if (native.channels == 1) return native;
  Picture grey(native.width, native.height, 1);
  for (std::size_t i = 0; i < native.count(); ++i) {
    const std::uint8_t* rgb = &native.pixels[3 * i];
    // 16-bit fixed point; the three weights add up to 1, so white stays 255.
    grey.pixels[i] = static_cast<std::uint8_t>((rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >> 16);
  }
  return grey;
}

bool is_label_image(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
  constexpr int kByte = 8;
  if (is_tiff(bytes)) return tiff_bits(bytes, name, limits) > kByte;
  return is_png(bytes) && label_bits(bytes) > kByte;
}

LabelRaster decode_labels(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
  if (is_tiff(bytes)) return decode_tiff_labels(bytes, name, limits);
  if (!is_png(bytes)) {
    throw Error(Exit::bad_data, name +
                                    " is no label image that can be read: it takes a PNG or TIFF, whose numbers are "
                                    "kept exactly");
  }
  if (label_bits(bytes) == 0) {
    throw Error(Exit::bad_data, name + " is no label image: it takes a PNG of one grey channel with 8 or 16 bits");
  }
  const RawPicture raw = decode_png(bytes, name, limits);
  LabelRaster raster{raw.width, raw.height, {}};
  if (raw.bits == 8) {
    raster.labels.assign(raw.narrow.begin(), raw.narrow.end());
  } else {
    raster.labels.assign(raw.wide.begin(), raw.wide.end());
  }
  return raster;
}

}  // namespace karyon
