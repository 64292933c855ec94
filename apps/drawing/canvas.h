// The one drawing layer: what is drawn on a canvas comes out as PNG and as SVG.
// Invariant: every call goes to both; equal calls give equal bytes on one machine. Lengths are in points; the PNG has
// kPixelsPerPoint pixels for each. The font is DejaVu Sans, or what fontconfig has instead. A coordinate that is no
// finite number is a bug of the caller's: Error internal.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/drawing/pixels.h"
#include "apps/drawing/shapes.h"
#include "apps/drawing/style.h"
#include "apps/drawing/svg.h"

namespace karyon {

class Canvas {
 public:
  /// Both sides from 1 to 16,000 points; larger is Error usage, for what is drawn grows with the user's data.
  Canvas(double width, double height, Colour paper = kPaper);

  void line(Point from, Point to, Colour colour, double width = 1, bool dashed = false);
  void polyline(const std::vector<Point>& points, Colour colour, double width = 1);
  /// The area that the points go round.
  void area(const std::vector<Point>& points, Colour fill);
  void draw(const Figure& figure, const Paint& paint);
  void box(Rect rect, Colour fill, double radius = 0);
  void frame(Rect rect, Colour fill, Colour edge, double edge_width = 1, double radius = 0);
  void circle(Point centre, double radius, Colour fill, Colour edge = {}, double edge_width = 0);
  /// Along the points (two at least), with its head at the last.
  void arrow(const std::vector<Point>& points, Colour colour, double width = 1.2, bool dashed = false);

  /// `at` is where style.align says, on the base line. Any bytes: clean_text (text.h) makes them fit.
  void text(Point at, std::string_view text, const TextStyle& style);
  [[nodiscard]] double text_width(std::string_view text, const TextStyle& style) const;
  /// The text, or as much of its beginning and end as fits into the width, with an ellipsis between.
  [[nodiscard]] std::string shortened(std::string_view text, double width, const TextStyle& style) const;

  /// A picture of 1, 3 or 4 channels, stretched into the rectangle.
  void bitmap(const Picture& picture, Rect to, Sampling sampling);
  /// Of what `draw` draws, only what lies in the rectangle is seen.
  void clipped(Rect to, const std::function<void()>& draw);

  [[nodiscard]] double width() const { return width_; }
  [[nodiscard]] double height() const { return height_; }
  /// The bytes of a PNG file.
  [[nodiscard]] std::vector<std::uint8_t> png() const;
  /// The text of an SVG file.
  [[nodiscard]] std::string svg() const { return svg_.document(); }

 private:
  double width_, height_;
  Pixels pixels_;
  Svg svg_;
};

}  // namespace karyon
