#include "apps/images/jpeg.h"

#include <climits>
#include <cstring>
#include <memory>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS 65536
#include <stb/stb_image.h>

#include "kernels/check.h"

namespace karyon {
namespace {

struct Frame {
  int width = 0, height = 0, components = 0;
};

bool is_frame_header(std::uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/// Walks the markers from the start of the image to its end; segments (an Exif thumbnail in one, say) are skipped by
/// their length.
Frame find_frame(std::span<const std::uint8_t> bytes, const std::string& name) {
  Frame frame;
  std::size_t at = 2;
  while (at + 1 < bytes.size()) {
    const std::uint8_t marker = bytes[at + 1];
    const bool stands_alone = marker == 0 || marker == 1 || (marker >= 0xD0 && marker <= 0xD8);
    if (bytes[at] != 0xFF || marker == 0xFF) {
      ++at;  // compressed data, or a fill byte
    } else if (stands_alone) {
      at += 2;
    } else if (marker == 0xD9) {
      if (frame.components == 0) throw Error(Exit::bad_data, name + ": the JPEG has no frame header");
      return frame;
    } else {
      if (at + 4 > bytes.size()) break;
      const std::size_t length = std::size_t{bytes[at + 2]} << 8 | bytes[at + 3];
      if (length < 2 || length > bytes.size() - at - 2) break;
      if (is_frame_header(marker) && frame.components == 0) {
        if (length < 8) break;
        frame.height = bytes[at + 5] << 8 | bytes[at + 6];
        frame.width = bytes[at + 7] << 8 | bytes[at + 8];
        frame.components = bytes[at + 9];
      }
      at += length + 2;
    }
  }
  throw Error(Exit::bad_data, name + ": the JPEG is cut short: it has no end marker");
}

struct Free {
  void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
};

}  // namespace

RawPicture decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
  if (bytes.size() > INT_MAX) throw Error(Exit::bad_data, name + ": the JPEG is larger than 2 GB");
  const Frame frame = find_frame(bytes, name);
  check_size(static_cast<std::uint64_t>(frame.width), static_cast<std::uint64_t>(frame.height), name, "JPEG", limits);
  if (frame.components != 1 && frame.components != 3) {
    throw Error(Exit::bad_data,
                name + " is a " +
                    (frame.components == 4 ? std::string("CMYK JPEG")
                                           : "JPEG of " + std::to_string(frame.components) + " colours") +
                    "; convert it to RGB");
  }
  int width = 0, height = 0, stored = 0;
  const std::unique_ptr<stbi_uc, Free> pixels(
      stbi_load_from_memory(bytes.data(), static_cast<int>(bytes.size()), &width, &height, &stored, frame.components));
  if (!pixels) throw Error(Exit::bad_data, name + ": the JPEG is broken: " + stbi_failure_reason());
  KARYON_CHECK(width == frame.width && height == frame.height, "the size that the header says");
  RawPicture picture(width, height, frame.components, 8);
  std::memcpy(picture.narrow.data(), pixels.get(), picture.narrow.size());
  return picture;
}

}  // namespace karyon
