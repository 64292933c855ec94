// What can be drawn: a handful of shapes and how they are painted.
// Invariant: plain values. Lengths are in points, x to the right and y downwards from the canvas's upper left corner.
#pragma once

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

namespace karyon {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
  double opacity = 1;

  friend bool operator==(const Colour&, const Colour&) = default;
};

struct Point {
  double x = 0, y = 0;
};

struct Rect {
  double x = 0, y = 0, width = 0, height = 0;

  [[nodiscard]] double right() const { return x + width; }
  [[nodiscard]] double bottom() const { return y + height; }
  [[nodiscard]] Point centre() const { return {x + width / 2, y + height / 2}; }
};

/// Points joined by straight lines; closed: the last with the first again.
struct Polyline {
  std::vector<Point> points;
  bool closed = false;
};

/// Separate pieces of line, drawn as one shape: where they meet, no colour is laid on twice.
struct Segments {
  std::vector<std::pair<Point, Point>> pieces;
};

struct RoundedRect {
  Rect rect;
  double radius = 0;
};

struct Circle {
  Point centre;
  double radius = 0;
};

using Figure = std::variant<Polyline, Segments, RoundedRect, Circle>;

/// An opacity of 0 leaves the fill out, a width of 0 the stroke.
struct Paint {
  Colour fill{0, 0, 0, 0};
  Colour stroke{};
  double stroke_width = 0;
  bool dashed = false;
};

enum class Align : std::uint8_t { left, centre, right };

struct TextStyle {
  double size = 11;  // of the font
  Colour colour{};
  Align align = Align::left;
  bool bold = false;
};

/// How a bitmap's pixels are enlarged.
enum class Sampling : std::uint8_t { nearest, smooth };

}  // namespace karyon
