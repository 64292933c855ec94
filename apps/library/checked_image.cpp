#include "apps/library/checked_image.h"

#include <cstring>
#include <string>

#include "kernels/check.h"

namespace karyon {

namespace {

constexpr std::size_t kMostPixels = std::size_t{1} << 31;

void expect(bool holds, const std::string& found, const std::string& expected) {
  if (!holds) throw Error(Exit::usage, "image: " + found + ": expected " + expected);
}

/// The least row stride, in bytes.
std::size_t row_bytes(const ImageView& image) {
  return static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels) *
         static_cast<std::size_t>(image.bits / 8);
}

void check(const ImageView& image) {
  expect(image.pixels != nullptr, "pixels null", "a pointer to the first sample");
  expect(image.width > 0 && image.height > 0 &&
             static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) <= kMostPixels,
         "width " + std::to_string(image.width) + ", height " + std::to_string(image.height),
         "1 or more each, and at most 2^31 pixels");
  expect(image.channels == 1 || image.channels == 3, "channels " + std::to_string(image.channels),
         "1 (grey) or 3 (RGB)");
  expect(image.bits == 8 || image.bits == 16, "bits " + std::to_string(image.bits), "8 or 16");
  expect(image.row_stride == 0 || image.row_stride >= row_bytes(image),
         "row_stride " + std::to_string(image.row_stride),
         "0, or at least a row's " + std::to_string(row_bytes(image)));
}

}  // namespace

RawPicture checked_image(const ImageView& image) {
  check(image);
  RawPicture picture(image.width, image.height, image.channels, image.bits);
  const std::size_t bytes = row_bytes(image), stride = image.row_stride == 0 ? bytes : image.row_stride;
  const auto* from = static_cast<const std::uint8_t*>(image.pixels);
  auto* to = image.bits == 8 ? picture.narrow.data() : reinterpret_cast<std::uint8_t*>(picture.wide.data());
  for (int y = 0; y < image.height; ++y) {
    const auto row = static_cast<std::size_t>(y);
    std::memcpy(to + row * bytes, from + row * stride, bytes);
  }
  return picture;
}

}  // namespace karyon
