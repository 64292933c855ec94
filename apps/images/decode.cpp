#include "apps/images/decode.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "apps/images/jpeg.h"
#include "apps/images/png.h"
#include "kernels/check.h"

namespace karyon {
namespace {

bool begins_with(std::span<const std::uint8_t> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

/// What the file looks like, for a message.
std::string guess(std::span<const std::uint8_t> bytes) {
  using namespace std::string_view_literals;
  if (bytes.empty()) return "the file is empty";
  if (begins_with(bytes, "II*\0"sv) || begins_with(bytes, "MM\0*"sv)) return "it looks like a TIFF";
  if (begins_with(bytes, "II+\0"sv) || begins_with(bytes, "MM\0+"sv)) return "it looks like a BigTIFF";
  if (begins_with(bytes, "BM"sv)) return "it looks like a BMP";
  if (begins_with(bytes, "GIF8"sv)) return "it looks like a GIF";
  if (begins_with(bytes, "RIFF"sv)) return "it looks like a WebP";
  if (begins_with(bytes, "PK\3\4"sv)) return "it looks like a zip";
  return "its first bytes belong to no image format known here";
}

Picture decode_native(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
  if (begins_with(bytes, "\x89PNG\r\n\x1a\n")) return decode_png(bytes, name, limits);
  if (begins_with(bytes, "\xFF\xD8\xFF")) return decode_jpeg(bytes, name, limits);
  throw Error(Exit::bad_data,
              name + " is not an image that can be read: not a PNG or JPEG (" + guess(bytes) + "); convert it to PNG");
}

}  // namespace

Picture decode_rgb(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
  Picture native = decode_native(bytes, name, limits);
  if (native.channels == 3) return native;
  Picture rgb(native.width, native.height, 3);
  for (std::size_t i = 0; i < native.count(); ++i) std::fill_n(&rgb.pixels[3 * i], 3, native.pixels[i]);
  return rgb;
}

Picture decode_grey(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
  Picture native = decode_native(bytes, name, limits);
  if (native.channels == 1) return native;
  Picture grey(native.width, native.height, 1);
  for (std::size_t i = 0; i < native.count(); ++i) {
    const std::uint8_t* rgb = &native.pixels[3 * i];
    // 16-bit fixed point; the three weights add up to 1, so white stays 255.
    grey.pixels[i] = static_cast<std::uint8_t>((rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >> 16);
  }
  return grey;
}

}  // namespace karyon
