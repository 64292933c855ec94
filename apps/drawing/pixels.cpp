#include "apps/drawing/pixels.h"

#include <cmath>
#include <cstring>
#include <numbers>
#include <string>

#include <cairo.h>

#include "kernels/check.h"

namespace karyon {

namespace {

void check(cairo_status_t status) {
  if (status == CAIRO_STATUS_SUCCESS) return;
  const Exit code = status == CAIRO_STATUS_NO_MEMORY ? Exit::out_of_memory : Exit::internal;
  throw Error(code, std::string("drawing a picture: Cairo says '") + cairo_status_to_string(status) + "'");
}

void set_colour(cairo_t* context, Colour c) {
  cairo_set_source_rgba(context, c.red / 255.0, c.green / 255.0, c.blue / 255.0, c.opacity);
}

struct PathMaker {
  cairo_t* context;

  void operator()(const Polyline& line) const {
    for (const Point& p : line.points) cairo_line_to(context, p.x, p.y);
    if (line.closed) cairo_close_path(context);
  }
  void operator()(const Segments& segments) const {
    for (const auto& [from, to] : segments.pieces) {
      cairo_move_to(context, from.x, from.y);
      cairo_line_to(context, to.x, to.y);
    }
  }
  void operator()(const RoundedRect& box) const {
    const double r = box.radius;
    const double quarter = std::numbers::pi / 2;
    cairo_new_sub_path(context);
    cairo_arc(context, box.rect.right() - r, box.rect.y + r, r, -quarter, 0);
    cairo_arc(context, box.rect.right() - r, box.rect.bottom() - r, r, 0, quarter);
    cairo_arc(context, box.rect.x + r, box.rect.bottom() - r, r, quarter, 2 * quarter);
    cairo_arc(context, box.rect.x + r, box.rect.y + r, r, 2 * quarter, 3 * quarter);
    cairo_close_path(context);
  }
  void operator()(const Circle& circle) const {
    cairo_new_sub_path(context);
    cairo_arc(context, circle.centre.x, circle.centre.y, circle.radius, 0, 2 * std::numbers::pi);
    cairo_close_path(context);
  }
};

void select_font(cairo_t* context, const TextStyle& style) {
  cairo_select_font_face(context, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                         style.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(context, style.size);
}

double advance_of(cairo_t* context, const std::string& clean) {
  cairo_text_extents_t extents;
  cairo_text_extents(context, clean.c_str(), &extents);
  check(cairo_status(context));
  return extents.x_advance;
}

/// Cairo's pixels are native-endian words, alpha in the high byte and colours multiplied by it.
std::uint32_t word_of(const std::uint8_t* pixel, int channels) {
  const std::uint32_t alpha = channels == 4 ? pixel[3] : 255;
  const auto part = [&](int i) { return (pixel[channels == 1 ? 0 : i] * alpha + 127) / 255; };
  return alpha << 24 | part(0) << 16 | part(1) << 8 | part(2);
}

using Surface = std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)>;

Surface new_surface(int width, int height) {
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, height), &cairo_surface_destroy);
  check(cairo_surface_status(surface.get()));
  return surface;
}

Surface surface_of(const Picture& picture) {
  Surface surface = new_surface(picture.width, picture.height);
  cairo_surface_flush(surface.get());
  std::uint8_t* data = cairo_image_surface_get_data(surface.get());
  const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(surface.get()));
  const std::uint8_t* pixel = picture.pixels.data();
  for (std::size_t y = 0; y < static_cast<std::size_t>(picture.height); ++y) {
    for (std::size_t x = 0; x < static_cast<std::size_t>(picture.width); ++x, pixel += picture.channels) {
      const std::uint32_t word = word_of(pixel, picture.channels);
      std::memcpy(data + y * stride + 4 * x, &word, sizeof word);
    }
  }
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

}  // namespace

struct Pixels::Cairo {
  Surface surface;
  std::unique_ptr<cairo_t, decltype(&cairo_destroy)> context;

  Cairo(int width, int height)
      : surface(new_surface(width, height)), context(cairo_create(surface.get()), &cairo_destroy) {
    check(cairo_status(context.get()));
  }
};

Pixels::Pixels(double width, double height, Colour paper)
    : cairo_(std::make_unique<Cairo>(static_cast<int>(std::ceil(width * kPixelsPerPoint)),
                                     static_cast<int>(std::ceil(height * kPixelsPerPoint)))) {
  cairo_t* context = cairo_->context.get();
  set_colour(context, paper);
  cairo_paint(context);
  cairo_scale(context, kPixelsPerPoint, kPixelsPerPoint);
  cairo_set_line_cap(context, CAIRO_LINE_CAP_ROUND);
  cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND);
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_set_font_options(context, options);
  cairo_font_options_destroy(options);
}

Pixels::Pixels(Pixels&&) noexcept = default;
Pixels& Pixels::operator=(Pixels&&) noexcept = default;
Pixels::~Pixels() = default;

void Pixels::draw(const Figure& figure, const Paint& paint) {
  cairo_t* context = cairo_->context.get();
  cairo_new_path(context);
  std::visit(PathMaker{context}, figure);
  if (paint.fill.opacity > 0) {
    set_colour(context, paint.fill);
    cairo_fill_preserve(context);
  }
  if (paint.stroke_width > 0) {
    const double dash = 4;
    cairo_set_dash(context, &dash, paint.dashed ? 1 : 0, 0);
    set_colour(context, paint.stroke);
    cairo_set_line_width(context, paint.stroke_width);
    cairo_stroke_preserve(context);
  }
  cairo_new_path(context);
  check(cairo_status(context));
}

void Pixels::text(Point at, const std::string& clean, const TextStyle& style) {
  cairo_t* context = cairo_->context.get();
  select_font(context, style);
  const double share = style.align == Align::left ? 0 : style.align == Align::centre ? 0.5 : 1;
  cairo_move_to(context, at.x - share * advance_of(context, clean), at.y);
  set_colour(context, style.colour);
  cairo_show_text(context, clean.c_str());
  cairo_new_path(context);
  check(cairo_status(context));
}

double Pixels::text_width(const std::string& clean, const TextStyle& style) const {
  select_font(cairo_->context.get(), style);
  return advance_of(cairo_->context.get(), clean);
}

void Pixels::bitmap(const Picture& picture, Rect to, Sampling sampling) {
  cairo_t* context = cairo_->context.get();
  const Surface source = surface_of(picture);
  cairo_save(context);
  cairo_rectangle(context, to.x, to.y, to.width, to.height);
  cairo_translate(context, to.x, to.y);
  cairo_scale(context, to.width / picture.width, to.height / picture.height);
  cairo_set_source_surface(context, source.get(), 0, 0);
  cairo_pattern_set_filter(cairo_get_source(context),
                           sampling == Sampling::nearest ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
  cairo_pattern_set_extend(cairo_get_source(context), CAIRO_EXTEND_PAD);  // no blending with nothing at the rim
  cairo_fill(context);
  cairo_restore(context);
  check(cairo_status(context));
}

void Pixels::begin_clip(Rect to) {
  cairo_t* context = cairo_->context.get();
  cairo_save(context);
  cairo_rectangle(context, to.x, to.y, to.width, to.height);
  cairo_clip(context);
}

void Pixels::end_clip() { cairo_restore(cairo_->context.get()); }

Picture Pixels::picture() const {
  cairo_surface_t* surface = cairo_->surface.get();
  cairo_surface_flush(surface);
  Picture picture(cairo_image_surface_get_width(surface), cairo_image_surface_get_height(surface), 3);
  const std::uint8_t* data = cairo_image_surface_get_data(surface);
  const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(surface));
  std::uint8_t* pixel = picture.pixels.data();
  for (std::size_t y = 0; y < static_cast<std::size_t>(picture.height); ++y) {
    for (std::size_t x = 0; x < static_cast<std::size_t>(picture.width); ++x, pixel += 3) {
      std::uint32_t word = 0;
      std::memcpy(&word, data + y * stride + 4 * x, sizeof word);
      pixel[0] = static_cast<std::uint8_t>(word >> 16);
      pixel[1] = static_cast<std::uint8_t>(word >> 8);
      pixel[2] = static_cast<std::uint8_t>(word);
    }
  }
  return picture;
}

}  // namespace karyon
