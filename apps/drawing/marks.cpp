#include "apps/drawing/marks.h"

#include <cstddef>

#include "apps/images/picture.h"

namespace karyon {

namespace {

constexpr double kLineWidth = 1.1, kHaloWidth = 2.1;
constexpr Colour kHalo{0, 0, 0, 0.4};  // the lines show on bright images as well
constexpr std::uint8_t kTint = 90;     // alpha

bool inside(std::span<const std::uint8_t> mask, int width, int y, int x) {
  return mask[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)] != 0;
}

/// The piece of grid line between the pixels (y, x) and (y + down, x + 1 - down).
struct Edge {
  int y, x, down;
};

bool is_border(const Masks& masks, std::span<const std::uint8_t> mask, Edge e) {
  return inside(mask, masks.width, e.y, e.x) != inside(mask, masks.width, e.y + e.down, e.x + 1 - e.down);
}

/// Calls belongs(edge) for every edge, line by line, and joins neighbours on a line into one piece.
template <typename Belongs>
Segments collect(Rect to, int width, int height, Belongs&& belongs) {
  Segments segments;
  const double step_x = to.width / width, step_y = to.height / height;
  const auto run = [&](int down, int line, int from, int end) {
    const Point a = down ? Point{to.x + from * step_x, to.y + (line + 1) * step_y}
                         : Point{to.x + (line + 1) * step_x, to.y + from * step_y};
    const Point b = down ? Point{to.x + end * step_x, a.y} : Point{a.x, to.y + end * step_y};
    segments.pieces.emplace_back(a, b);
  };
  for (const int down : {1, 0}) {
    const int lines = (down ? height : width) - 1, length = down ? width : height;
    for (int line = 0; line < lines; ++line) {
      int from = -1;
      for (int i = 0; i <= length; ++i) {
        const bool on = i < length && belongs(down ? Edge{line, i, 1} : Edge{i, line, 0});
        if (on && from < 0) from = i;
        if (!on && from >= 0) run(down, line, from, i);
        if (!on) from = -1;
      }
    }
  }
  return segments;
}

void draw(Canvas& canvas, const Segments& segments, Colour colour, double width) {
  if (!segments.pieces.empty()) canvas.draw(segments, {.stroke = colour, .stroke_width = width});
}

void tint(Canvas& canvas, Rect to, const Masks& masks) {
  Picture layer(masks.width, masks.height, 4);
  bool any = false;
  for (std::size_t i = 0; i < layer.count(); ++i) {
    const bool truth = masks.truth[i] != 0, prediction = masks.prediction[i] != 0;
    if (truth == prediction) continue;
    const Colour c = truth ? kTruth : kPrediction;
    const std::uint8_t pixel[] = {c.red, c.green, c.blue, kTint};
    std::copy(std::begin(pixel), std::end(pixel), &layer.pixels[4 * i]);
    any = true;
  }
  if (any) canvas.bitmap(layer, to, Sampling::nearest);
}

}  // namespace

void draw_border(Canvas& canvas, Rect to, int width, int height, std::span<const std::uint8_t> mask, Colour colour) {
  const Masks masks{width, height, mask, mask};
  const Segments border = collect(to, width, height, [&](Edge e) { return is_border(masks, mask, e); });
  draw(canvas, border, kHalo, kHaloWidth);
  draw(canvas, border, colour, kLineWidth);
}

void draw_agreement(Canvas& canvas, Rect to, const Masks& masks) {
  const auto borders_where = [&](bool truth, bool prediction) {
    return collect(to, masks.width, masks.height, [&](Edge e) {
      return is_border(masks, masks.truth, e) == truth && is_border(masks, masks.prediction, e) == prediction;
    });
  };
  const Segments both = borders_where(true, true), missed = borders_where(true, false),
                 invented = borders_where(false, true);
  tint(canvas, to, masks);
  for (const Segments* segments : {&both, &missed, &invented}) draw(canvas, *segments, kHalo, kHaloWidth);
  draw(canvas, missed, kTruth, kLineWidth);
  draw(canvas, invented, kPrediction, kLineWidth);
  draw(canvas, both, kAgreement, kLineWidth);
}

double iou_of(const Masks& masks) {
  std::size_t common = 0, either = 0;
  for (std::size_t i = 0; i < masks.truth.size(); ++i) {
    const bool truth = masks.truth[i] != 0, prediction = masks.prediction[i] != 0;
    common += truth && prediction ? 1 : 0;
    either += truth || prediction ? 1 : 0;
  }
  return either > 0 ? static_cast<double>(common) / static_cast<double>(either) : 1.0;
}

}  // namespace karyon
