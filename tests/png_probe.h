// Single pixels of a drawn PNG, by the drawing's own coordinates.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>

#include "apps/drawing/canvas.h"
#include "apps/images/decode.h"

namespace karyon {

class PngProbe {
 public:
  explicit PngProbe(const Canvas& canvas) : picture_(decode_rgb(canvas.png(), "drawing")) {}

  [[nodiscard]] const Picture& picture() const { return picture_; }
  [[nodiscard]] std::array<int, 3> at(Point p) const {
    const auto x = static_cast<std::size_t>(p.x * kPixelsPerPoint), y = static_cast<std::size_t>(p.y * kPixelsPerPoint);
    const std::uint8_t* pixel = &picture_.pixels.at(3 * (y * static_cast<std::size_t>(picture_.width) + x));
    return {pixel[0], pixel[1], pixel[2]};
  }
  /// How many pixels have exactly this colour.
  [[nodiscard]] int count(Colour c) const {
    int count = 0;
    for (std::size_t i = 0; i < picture_.pixels.size(); i += 3) {
      const std::uint8_t* p = &picture_.pixels[i];
      count += p[0] == c.red && p[1] == c.green && p[2] == c.blue ? 1 : 0;
    }
    return count;
  }

 private:
  Picture picture_;
};

inline std::array<int, 3> rgb(Colour c) { return {c.red, c.green, c.blue}; }

}  // namespace karyon
