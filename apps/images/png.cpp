#include "apps/images/png.h"

#include <array>
#include <csetjmp>
#include <cstring>
#include <new>
#include <string_view>

#include <png.h>

#include "kernels/check.h"

namespace karyon {
namespace {

// libpng leaves by longjmp, which must not pass over a C++ destructor. So whatever owns memory lives in the callers,
// and the functions that call setjmp hold plain values alone.

struct ErrorText {
  std::array<char, 200> text{};
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* error = static_cast<ErrorText*>(png_get_error_ptr(png));
  std::strncpy(error->text.data(), message, error->text.size() - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}

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
  explicit ReadHandle(ErrorText* error)
      : png(png_create_read_struct(PNG_LIBPNG_VER_STRING, error, on_error, on_warning)),
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

/// Reads up to the pixels and asks for 8 bits without alpha. Returns the channels, 0 on error.
int read_header(png_structp png, png_infop info, Input* input) {
  if (setjmp(png_jmpbuf(png)) != 0) return 0;  // NOLINT(cert-err52-cpp): libpng knows no other way
  png_set_read_fn(png, input, take_bytes);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(png, info);
  png_set_strip_16(png);
  png_set_expand(png);
  png_set_strip_alpha(png);
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
  const std::string size = std::to_string(width) + " x " + std::to_string(height);
  if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX) {
    throw Error(Exit::bad_data, name + ": the PNG's header says " + size + " pixels, which no image can have");
  }
  if (width * height > limits.max_pixels) {
    throw Error(Exit::bad_data, name + ": " + size + " pixels are over the limit of " +
                                    std::to_string(limits.max_pixels) + "; cut the image into tiles");
  }
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
    throw Error(Exit::bad_data, name + ": the PNG is cut short: too little data for " + size + " pixels");
  }
}

void put_bytes(png_structp png, png_bytep bytes, std::size_t count) {
  bool stored = true;
  try {
    auto* out = static_cast<std::vector<std::uint8_t>*>(png_get_io_ptr(png));
    out->insert(out->end(), bytes, bytes + count);
  } catch (const std::bad_alloc&) {
    stored = false;
  }
  if (!stored) png_error(png, "out of memory");
}

void flush_nothing(png_structp /*png*/) {}

struct WriteHandle {
  png_structp png;
  png_infop info;
  explicit WriteHandle(ErrorText* error)
      : png(png_create_write_struct(PNG_LIBPNG_VER_STRING, error, on_error, on_warning)),
        info(png != nullptr ? png_create_info_struct(png) : nullptr) {
    if (info == nullptr) {
      png_destroy_write_struct(&png, nullptr);
      throw std::bad_alloc();
    }
  }
  ~WriteHandle() { png_destroy_write_struct(&png, &info); }
  WriteHandle(const WriteHandle&) = delete;
  WriteHandle& operator=(const WriteHandle&) = delete;
};

bool write_all(png_structp png, png_infop info, const Picture* picture, std::vector<std::uint8_t>* out) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;  // NOLINT(cert-err52-cpp)
  png_set_write_fn(png, out, put_bytes, flush_nothing);
  const int colour = picture->channels == 1   ? PNG_COLOR_TYPE_GRAY
                     : picture->channels == 3 ? PNG_COLOR_TYPE_RGB
                                              : PNG_COLOR_TYPE_RGB_ALPHA;
  png_set_IHDR(png, info, static_cast<png_uint_32>(picture->width), static_cast<png_uint_32>(picture->height), 8,
               colour, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  const std::size_t pitch = static_cast<std::size_t>(picture->width) * static_cast<std::size_t>(picture->channels);
  for (int y = 0; y < picture->height; ++y) {
    png_write_row(png, picture->pixels.data() + static_cast<std::size_t>(y) * pitch);
  }
  png_write_end(png, info);
  return true;
}

}  // namespace

Picture decode_png(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
  check_header(bytes, name, limits);
  ErrorText error;
  ReadHandle handle(&error);
  Input input{bytes};
  const auto broken = [&] {
    return Error(Exit::bad_data, name + ": the PNG is broken: " + std::string(error.text.data()));
  };
  const int channels = read_header(handle.png, handle.info, &input);
  if (channels == 0) throw broken();
  Picture picture(static_cast<int>(png_get_image_width(handle.png, handle.info)),
                  static_cast<int>(png_get_image_height(handle.png, handle.info)), channels);
  const std::size_t pitch = static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(channels);
  KARYON_CHECK(png_get_rowbytes(handle.png, handle.info) == pitch, "8 bits and 1 or 3 channels a pixel");
  std::vector<png_bytep> rows(static_cast<std::size_t>(picture.height));
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = picture.pixels.data() + y * pitch;
  if (!read_pixels(handle.png, rows.data())) throw broken();
  return picture;
}

std::vector<std::uint8_t> encode_png(const Picture& picture) {
  KARYON_CHECK(picture.channels == 1 || picture.channels == 3 || picture.channels == 4, "grey, RGB or RGBA");
  KARYON_CHECK(picture.pixels.size() == picture.count() * static_cast<std::size_t>(picture.channels),
               "as many bytes as the sizes say");
  ErrorText error;
  WriteHandle handle(&error);
  std::vector<std::uint8_t> bytes;
  if (!write_all(handle.png, handle.info, &picture, &bytes)) {
    throw Error(Exit::out_of_memory, "a picture of " + std::to_string(picture.width) + " x " +
                                         std::to_string(picture.height) +
                                         " could not be encoded as PNG: " + std::string(error.text.data()));
  }
  return bytes;
}

}  // namespace karyon
