#include "apps/drawing/svg.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <vector>

#include <openssl/evp.h>

#include "apps/drawing/text.h"
#include "apps/images/png.h"

namespace karyon {

namespace {

/// Two decimals, less where zeros.
std::string number(double value) {
  const double rounded = std::round(value * 100) / 100 + 0.0;  // + 0.0: no "-0"
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), rounded);
  return {buffer.data(), end};
}

/// ` name="value"`.
std::string attribute(const char* name, const std::string& value) {
  return std::string(" ") + name + "=\"" + value + '"';
}
std::string attribute(const char* name, double value) { return attribute(name, number(value)); }

std::string rect_attributes(Rect r) {
  return attribute("x", r.x) + attribute("y", r.y) + attribute("width", r.width) + attribute("height", r.height);
}

std::string colour_attribute(const char* name, const char* opacity_name, Colour c) {
  std::array<char, 8> hex{};
  std::snprintf(hex.data(), hex.size(), "#%02x%02x%02x", c.red, c.green, c.blue);
  return attribute(name, hex.data()) + (c.opacity < 1 ? attribute(opacity_name, c.opacity) : "");
}

std::string paint_attributes(const Paint& paint) {
  std::string text = paint.fill.opacity > 0 ? colour_attribute("fill", "fill-opacity", paint.fill) : " fill=\"none\"";
  if (paint.stroke_width > 0) {
    text += colour_attribute("stroke", "stroke-opacity", paint.stroke) + attribute("stroke-width", paint.stroke_width);
    if (paint.dashed) text += attribute("stroke-dasharray", 4);
  }
  return text;
}

std::string pair(Point p) { return number(p.x) + ' ' + number(p.y); }

/// The element's name and geometry.
struct ElementMaker {
  std::string operator()(const Polyline& line) const {
    std::string data;
    for (const Point& p : line.points) data += (data.empty() ? "M" : "L") + pair(p);
    return "path" + attribute("d", data + (line.closed ? "Z" : ""));
  }
  std::string operator()(const Segments& segments) const {
    std::string data;
    for (const auto& [from, to] : segments.pieces) data += "M" + pair(from) + "L" + pair(to);
    return "path" + attribute("d", data);
  }
  std::string operator()(const RoundedRect& box) const {
    return "rect" + rect_attributes(box.rect) + (box.radius > 0 ? attribute("rx", box.radius) : "");
  }
  std::string operator()(const Circle& circle) const {
    return "circle" + attribute("cx", circle.centre.x) + attribute("cy", circle.centre.y) +
           attribute("r", circle.radius);
  }
};

std::string base64(const std::vector<std::uint8_t>& bytes) {
  std::vector<std::uint8_t> text(4 * ((bytes.size() + 2) / 3) + 1);  // and a closing zero
  const int length = EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  return {text.begin(), text.begin() + length};
}

}  // namespace

Svg::Svg(double width, double height, Colour paper) : width_(width), height_(height) {
  draw(RoundedRect{{0, 0, width, height}, 0}, {.fill = paper});
}

void Svg::draw(const Figure& figure, const Paint& paint) {
  body_ += '<' + std::visit(ElementMaker{}, figure) + paint_attributes(paint) + "/>\n";
}

void Svg::text(Point at, const std::string& clean, const TextStyle& style, double width) {
  body_ += "<text" + attribute("x", at.x) + attribute("y", at.y) + attribute("font-size", style.size);
  if (style.bold) body_ += attribute("font-weight", std::string("bold"));
  if (style.align == Align::centre) body_ += attribute("text-anchor", std::string("middle"));
  if (style.align == Align::right) body_ += attribute("text-anchor", std::string("end"));
  body_ += attribute("textLength", width) + attribute("lengthAdjust", std::string("spacingAndGlyphs")) +
           colour_attribute("fill", "fill-opacity", style.colour) + '>' + escape_xml(clean) + "</text>\n";
}

void Svg::bitmap(const Picture& picture, Rect to, Sampling sampling) {
  body_ += "<image" + rect_attributes(to) + attribute("preserveAspectRatio", std::string("none"));
  if (sampling == Sampling::nearest) body_ += attribute("image-rendering", std::string("pixelated"));
  body_ += attribute("href", "data:image/png;base64," + base64(encode_png(picture))) + "/>\n";
}

void Svg::begin_clip(Rect to) {
  const std::string id = "clip" + std::to_string(++clips_);
  body_ += "<clipPath" + attribute("id", id) + "><rect" + rect_attributes(to) + "/></clipPath>\n<g" +
           attribute("clip-path", "url(#" + id + ")") + ">\n";
}

void Svg::end_clip() { body_ += "</g>\n"; }

std::string Svg::document() const {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"" +
         attribute("width", width_) + attribute("height", height_) +
         attribute("viewBox", "0 0 " + number(width_) + ' ' + number(height_)) +
         attribute("font-family", std::string("'DejaVu Sans', Verdana, sans-serif")) +
         attribute("stroke-linecap", std::string("round")) + attribute("stroke-linejoin", std::string("round")) +
         ">\n" + body_ + "</svg>\n";
}

}  // namespace karyon
