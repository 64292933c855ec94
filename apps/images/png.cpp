#include "apps/images/png.h"

#include <array>
#include <bit>
#include <csetjmp>
#include <cstring>
#include <new>
#include <string_view>

#include <png.h>

#include "apps/images/png_error.h"
#include "kernels/check.h"

namespace karyon {
namespace {

struct Input {
  std::span<const std::uint8_t> left;
};

void take_bytes(png_structp png, png_bytep out, std::size_t count) {
  auto* input = static_cast<Input*>(png_get_io_ptr(png));
  if (count > input->left.size()) png_error(png, "the file is cut short");
  std::memcpy(out, input->left.data(), count);
  input->left = input->left.subspan(count);
}

struct ReadHandle {
  png_structp png;
  png_infop info;
  explicit ReadHandle(PngError* error)
      : png(png_create_read_struct(PNG_LIBPNG_VER_STRING, error, leave_png, pass_png_warning)),
        info(png != nullptr ? png_create_info_struct(png) : nullptr) {
    if (info == nullptr) {
      png_destroy_read_struct(&png, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~ReadHandle() { png_destroy_read_struct(&png, &info, nullptr); }
  ReadHandle(const ReadHandle&) = delete;
  ReadHandle& operator=(const ReadHandle&) = delete;
};

/// Reads up to the pixels and asks for 8 or 16 bits in the machine's byte order without alpha. Returns the channels, 0
/// on error.
int read_header(png_structp png, png_infop info, Input* input) {
  if (setjmp(png_jmpbuf(png)) != 0) return 0;  // NOLINT(cert-err52-cpp): libpng knows no other way
  png_set_read_fn(png, input, take_bytes);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(png, info);
  png_set_expand(png);
  png_set_strip_alpha(png);
  if (std::endian::native == std::endian::little) png_set_swap(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  return png_get_channels(png, info);
}

bool read_pixels(png_structp png, png_bytepp rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;  // NOLINT(cert-err52-cpp)
  png_read_image(png, rows);
  png_read_end(png, nullptr);
  return true;
}

std::uint32_t big_endian(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | std::uint32_t{p[3]};
}

/// Everything that can be said from the chunk headers, before libpng allocates.
void check_header(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
  constexpr std::size_t header = 33;  // signature and IHDR
  if (bytes.size() < header) throw Error(Exit::bad_data, name + ": the PNG is cut short within its header");
  if (std::memcmp(&bytes[12], "IHDR", 4) != 0) throw Error(Exit::bad_data, name + ": the PNG has no IHDR chunk");
  const std::uint64_t width = big_endian(&bytes[16]), height = big_endian(&bytes[20]);
  check_size(width, height, name, "PNG", limits);
  std::uint64_t data = 0;
  for (std::uint64_t at = 8; at + 8 <= bytes.size();) {
    const std::uint64_t length = big_endian(&bytes[at]);
    const std::string_view type(reinterpret_cast<const char*>(&bytes[at + 4]), 4);
    if (type == "acTL") throw Error(Exit::bad_data, name + " is an animated PNG; save the frame that is meant");
    if (type == "IDAT") data += std::min<std::uint64_t>(length, bytes.size() - at - 8);
    at += length + 12;
  }
  // Deflate cannot do better than 1032 to 1, so a header that promises more than that is a lie or the file is cut.
  constexpr std::array<std::uint64_t, 7> samples = {1, 0, 3, 1, 2, 0, 4};
  const std::uint64_t depth = bytes[24], colour = bytes[25];
  const std::uint64_t bits = colour < samples.size() ? samples[colour] * depth : 1;
  if (width * height / 8 * bits > data * 1032 + 4096) {
    throw Error(Exit::bad_data, name + ": the PNG is cut short: too little data for " + std::to_string(width) + " x " +
                                    std::to_string(height) + " pixels");
  }
}

}  // namespace

int label_bits(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t header = 33;  // signature and IHDR
  return bytes.size() >= header && bytes[24] >= 8 && bytes[25] == PNG_COLOR_TYPE_GRAY ? bytes[24] : 0;
}

RawPicture decode_png(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
  check_header(bytes, name, limits);
  PngError error;
  ReadHandle handle(&error);
  Input input{bytes};
  const auto broken = [&] {
    return Error(Exit::bad_data, name + ": the PNG is broken: " + std::string(error.text.data()));
  };
  const int channels = read_header(handle.png, handle.info, &input);
  if (channels == 0) throw broken();
  RawPicture picture(static_cast<int>(png_get_image_width(handle.png, handle.info)),
                     static_cast<int>(png_get_image_height(handle.png, handle.info)), channels,
                     png_get_bit_depth(handle.png, handle.info));
  const std::size_t pitch = png_get_rowbytes(handle.png, handle.info);
  KARYON_CHECK(pitch * static_cast<std::size_t>(picture.height) == picture.narrow.size() + 2 * picture.wide.size(),
               "8 or 16 bits and 1 or 3 channels a pixel");
  auto* first = picture.bits == 8 ? picture.narrow.data() : reinterpret_cast<png_bytep>(picture.wide.data());
  std::vector<png_bytep> rows(static_cast<std::size_t>(picture.height));
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = first + y * pitch;
  if (!read_pixels(handle.png, rows.data())) throw broken();
  return picture;
}

}  // namespace karyon
