#include "apps/drawing/canvas.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "apps/drawing/text.h"
#include "apps/images/png.h"
#include "kernels/check.h"

namespace karyon {

namespace {

constexpr double kMostSide = 16000;  // Cairo takes 32,767 pixels

double checked_side(double side) {
  if (side >= 1 && side <= kMostSide) return side;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.0f", side);
  throw Error(Exit::usage, std::string("a picture of ") + text.data() +
                               " points a side: expected 1 to 16,000; draw fewer images into one picture");
}

void check_finite(Point p) {
  KARYON_CHECK(std::isfinite(p.x) && std::isfinite(p.y), "a point of a drawing is a finite number");
}

void check_finite(Rect r) {
  check_finite(Point{r.x, r.y});
  KARYON_CHECK(std::isfinite(r.right()) && std::isfinite(r.bottom()) && r.width >= 0 && r.height >= 0,
               "a rectangle's sides are finite and not negative");
}

struct FiniteCheck {
  void operator()(const Polyline& line) const {
    for (const Point& p : line.points) check_finite(p);
  }
  void operator()(const Segments& segments) const {
    for (const auto& [from, to] : segments.pieces) {
      check_finite(from);
      check_finite(to);
    }
  }
  void operator()(const RoundedRect& box) const { check_finite(box.rect); }
  void operator()(const Circle& circle) const { check_finite(Point{circle.centre.x + circle.radius, circle.centre.y}); }
};

}  // namespace

Canvas::Canvas(double width, double height, Colour paper)
    : width_(checked_side(width)),
      height_(checked_side(height)),
      pixels_(width, height, paper),
      svg_(width, height, paper) {}

void Canvas::draw(const Figure& figure, const Paint& paint) {
  std::visit(FiniteCheck{}, figure);
  pixels_.draw(figure, paint);
  svg_.draw(figure, paint);
}

void Canvas::line(Point from, Point to, Colour colour, double width, bool dashed) {
  draw(Polyline{{from, to}, false}, {.stroke = colour, .stroke_width = width, .dashed = dashed});
}

void Canvas::polyline(const std::vector<Point>& points, Colour colour, double width) {
  draw(Polyline{points, false}, {.stroke = colour, .stroke_width = width});
}

void Canvas::area(const std::vector<Point>& points, Colour fill) { draw(Polyline{points, true}, {.fill = fill}); }

void Canvas::box(Rect rect, Colour fill, double radius) { draw(RoundedRect{rect, radius}, {.fill = fill}); }

void Canvas::frame(Rect rect, Colour fill, Colour edge, double edge_width, double radius) {
  draw(RoundedRect{rect, radius}, {.fill = fill, .stroke = edge, .stroke_width = edge_width});
}

void Canvas::circle(Point centre, double radius, Colour fill, Colour edge, double edge_width) {
  draw(Circle{centre, radius}, {.fill = fill, .stroke = edge, .stroke_width = edge_width});
}

void Canvas::arrow(const std::vector<Point>& points, Colour colour, double width, bool dashed) {
  KARYON_CHECK(points.size() >= 2, "an arrow has two ends");
  const Point tip = points.back();
  const Point before = points[points.size() - 2];
  const double length = std::hypot(tip.x - before.x, tip.y - before.y);
  KARYON_CHECK(length > 0, "an arrow's last piece has a direction");
  const double along_x = (tip.x - before.x) / length, along_y = (tip.y - before.y) / length;
  const double head = 4 + 2.5 * width, half = head * 0.5;
  const Point neck{tip.x - head * along_x, tip.y - head * along_y};
  std::vector<Point> shaft = points;
  shaft.back() = neck;
  draw(Polyline{shaft, false}, {.stroke = colour, .stroke_width = width, .dashed = dashed});
  area({tip, {neck.x - half * along_y, neck.y + half * along_x}, {neck.x + half * along_y, neck.y - half * along_x}},
       colour);
}

void Canvas::text(Point at, std::string_view text, const TextStyle& style) {
  check_finite(at);
  const std::string clean = clean_text(text);
  if (clean.empty()) return;
  pixels_.text(at, clean, style);
  svg_.text(at, clean, style, pixels_.text_width(clean, style));
}

double Canvas::text_width(std::string_view text, const TextStyle& style) const {
  return pixels_.text_width(clean_text(text), style);
}

std::string Canvas::shortened(std::string_view text, double width, const TextStyle& style) const {
  const std::vector<std::string> characters = characters_of(text);
  const auto joined = [&](std::size_t kept) {  // this many of them, half from each end
    std::string result;
    const std::size_t head = (kept + 1) / 2, tail = kept / 2;
    for (std::size_t i = 0; i < head; ++i) result += characters[i];
    if (kept < characters.size()) result += "\u2026";
    for (std::size_t i = characters.size() - tail; i < characters.size(); ++i) result += characters[i];
    return result;
  };
  // Names are short, but a hostile one need not be: halving keeps the search quick.
  std::size_t fits = 0, too_many = characters.size() + 1;
  while (fits + 1 < too_many) {
    const std::size_t middle = (fits + too_many) / 2;
    (pixels_.text_width(joined(middle), style) <= width ? fits : too_many) = middle;
  }
  return joined(fits);
}

void Canvas::bitmap(const Picture& picture, Rect to, Sampling sampling) {
  check_finite(to);
  KARYON_CHECK(picture.count() > 0 && to.width > 0 && to.height > 0, "a bitmap and its place are not empty");
  pixels_.bitmap(picture, to, sampling);
  svg_.bitmap(picture, to, sampling);
}

void Canvas::clipped(Rect to, const std::function<void()>& draw) {
  check_finite(to);
  pixels_.begin_clip(to);
  svg_.begin_clip(to);
  draw();
  pixels_.end_clip();
  svg_.end_clip();
}

std::vector<std::uint8_t> Canvas::png() const { return encode_png(pixels_.picture()); }

}  // namespace karyon
