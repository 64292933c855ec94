// A picture in memory.
// Invariant: pixels holds exactly height * width * channels bytes, row by row from the top, channels interleaved.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace karyon {

struct Picture {
  int width = 0, height = 0;
  int channels = 0;  // 1 grey, 3 RGB, 4 RGBA
  std::vector<std::uint8_t> pixels;

  Picture() = default;
  /// All zero.
  Picture(int w, int h, int c) : width(w), height(h), channels(c), pixels(count() * static_cast<std::size_t>(c)) {}

  /// Pixels, not bytes.
  [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(width) * static_cast<std::size_t>(height); }
};

}  // namespace karyon
