// A picture as its file holds it, before anything was decided about its brightness.
// Invariant: one of `narrow` (8 bits) and `wide` (16 bits) holds exactly height * width * channels samples, row by row
// from the top, channels interleaved; the other is empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace karyon {

struct RawPicture {
  int width = 0, height = 0;
  int channels = 0;  // 1 grey, 3 RGB
  int bits = 8;      // of a sample: 8 or 16
  int pages = 1;     // that the file has; this is one of them
  std::vector<std::uint8_t> narrow;
  std::vector<std::uint16_t> wide;

  RawPicture() = default;
  /// All zero.
  RawPicture(int w, int h, int c, int b) : width(w), height(h), channels(c), bits(b) {
    if (bits == 8) {
      narrow.resize(samples());
    } else {
      wide.resize(samples());
    }
  }

  /// Pixels, not samples.
  [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(width) * static_cast<std::size_t>(height); }
  [[nodiscard]] std::size_t samples() const { return count() * static_cast<std::size_t>(channels); }
  [[nodiscard]] unsigned sample(std::size_t i) const { return bits == 8 ? narrow[i] : wide[i]; }
};

/// Which nucleus each pixel belongs to: 0 none, else its number. Row by row from the top.
struct LabelRaster {
  int width = 0, height = 0;
  std::vector<std::uint32_t> labels;  // height * width
};

}  // namespace karyon
