// The SVG side of a canvas: shapes as elements of SVG 1.1, text as text, bitmaps as PNG inside.
// Invariant: equal calls give equal bytes, in every locale; text stays searchable and is as wide as it was measured,
// whichever font the reader has. (Cairo's own SVG turns letters into outlines and numbers them anew in each process.)
#pragma once

#include <string>

#include "apps/drawing/shapes.h"
#include "apps/images/picture.h"

namespace karyon {

class Svg {
 public:
  Svg(double width, double height, Colour paper);

  void draw(const Figure& figure, const Paint& paint);
  /// width: as measured by Pixels.
  void text(Point at, const std::string& clean, const TextStyle& style, double width);
  void bitmap(const Picture& picture, Rect to, Sampling sampling);
  void begin_clip(Rect to);
  void end_clip();

  /// The whole file.
  [[nodiscard]] std::string document() const;

 private:
  double width_, height_;
  std::string body_;
  int clips_ = 0;
};

}  // namespace karyon
