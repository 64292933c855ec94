// The PNG side of a canvas: shapes onto an opaque bitmap, by Cairo.
// Invariant: a point is kPixelsPerPoint pixels; no hinting, so that text is as wide here as it was measured; Cairo's
// failures leave as Error.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apps/drawing/shapes.h"
#include "apps/images/picture.h"

namespace karyon {

constexpr double kPixelsPerPoint = 2;

class Pixels {
 public:
  Pixels(double width, double height, Colour paper);
  Pixels(Pixels&&) noexcept;
  Pixels& operator=(Pixels&&) noexcept;
  ~Pixels();

  void draw(const Figure& figure, const Paint& paint);
  /// `clean` as of text.h; `at` is on its base line.
  void text(Point at, const std::string& clean, const TextStyle& style);
  [[nodiscard]] double text_width(const std::string& clean, const TextStyle& style) const;
  void bitmap(const Picture& picture, Rect to, Sampling sampling);
  void begin_clip(Rect to);
  void end_clip();

  /// RGB.
  [[nodiscard]] Picture picture() const;

 private:
  struct Cairo;
  std::unique_ptr<Cairo> cairo_;
};

}  // namespace karyon
