#include "apps/nuclei/outlines.h"

#include "kernels/check.h"

namespace karyon {

namespace {

/// The way along an edge: right, down, left, up; the nucleus lies to the right hand of it on the screen.
constexpr std::array<std::array<int, 2>, 4> kWays{{{1, 0}, {0, 1}, {-1, 0}, {0, -1}}};
/// From a corner, the pixels ahead of it on the left and on the right hand of each way.
constexpr std::array<std::array<int, 2>, 4> kAheadLeft{{{0, -1}, {0, 0}, {-1, 0}, {-1, -1}}};
constexpr std::array<std::array<int, 2>, 4> kAheadRight{{{0, 0}, {-1, 0}, {-1, -1}, {0, -1}}};

class Tracer {
 public:
  explicit Tracer(const LabelImage& image) : image_(image), seen_(image.labels.size()) {}

  /// Whether a ring that is not traced yet goes along the top of this pixel.
  [[nodiscard]] bool begins_at(int x, int y) const {
    const std::size_t pixel = image_.index(x, y);
    return image_.labels[pixel] != 0 && !seen_[pixel] && !is(image_.labels[pixel], x, y - 1);
  }

  /// The ring along the top of this pixel, the first from the left that it goes along, so it begins at a corner. Where
  /// two pixels of the nucleus meet at a corner only, it passes from one to the other: then the nucleus, which is
  /// connected elsewhere, has a ring of its own on each side of the corner.
  Ring trace(int x, int y) {
    const std::uint32_t label = image_.labels[image_.index(x, y)];
    const int first_x = x, first_y = y;
    std::size_t way = 0;
    Ring ring{{x, y}};
    do {
      if (way == 0) seen_[image_.index(x, y)] = true;
      x += kWays[way][0];
      y += kWays[way][1];
      const std::size_t turned = turn(label, x, y, way);
      if (turned != way) ring.push_back({x, y});
      way = turned;
    } while (x != first_x || y != first_y || way != 0);
    return ring;
  }

 private:
  [[nodiscard]] bool is(std::uint32_t label, int x, int y) const {
    return x >= 0 && y >= 0 && x < image_.width && y < image_.height && image_.labels[image_.index(x, y)] == label;
  }

  [[nodiscard]] std::size_t turn(std::uint32_t label, int x, int y, std::size_t way) const {
    if (is(label, x + kAheadLeft[way][0], y + kAheadLeft[way][1])) return (way + 3) % 4;
    return is(label, x + kAheadRight[way][0], y + kAheadRight[way][1]) ? way : (way + 1) % 4;
  }

  const LabelImage& image_;
  std::vector<bool> seen_;  // the edge along the pixel's top
};

/// Twice the area, positive where the ring is counter-clockwise as numbers.
std::int64_t shoelace(const Ring& ring) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i + 1 < ring.size(); ++i) {
    sum += std::int64_t{ring[i][0]} * ring[i + 1][1] - std::int64_t{ring[i + 1][0]} * ring[i][1];
  }
  return sum;
}

void append_ring(const Ring& ring, std::string& text) {
  text += '[';
  for (std::size_t i = 0; i < ring.size(); ++i) {
    text += (i > 0 ? ",[" : "[") + std::to_string(ring[i][0]) + ',' + std::to_string(ring[i][1]) + ']';
  }
  text += ']';
}

}  // namespace

std::vector<Outline> trace_outlines(const LabelImage& image) {
  std::vector<Outline> outlines(image.count);
  Tracer tracer(image);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      if (!tracer.begins_at(x, y)) continue;
      // Of a nucleus, the ring met first is the outer one: nothing of it lies above.
      Outline& outline = outlines.at(image.labels[image.index(x, y)] - 1);
      outline.label = image.labels[image.index(x, y)];
      outline.rings.push_back(tracer.trace(x, y));
      const std::int64_t area = shoelace(outline.rings.back()) / 2;
      KARYON_CHECK((area > 0) == (outline.rings.size() == 1), "nuclei in one piece");
      outline.area += area;
    }
  }
  return outlines;
}

std::string outlines_geojson(std::span<const Outline> outlines) {
  std::string text = R"({"type":"FeatureCollection","features":[)";
  bool first = true;
  for (const Outline& outline : outlines) {
    if (outline.rings.empty()) continue;
    text += first ? "\n" : ",\n";
    first = false;
    text += R"({"type":"Feature","geometry":{"type":"Polygon","coordinates":[)";
    for (std::size_t i = 0; i < outline.rings.size(); ++i) {
      if (i > 0) text += ',';
      append_ring(outline.rings[i], text);
    }
    text += R"(]},"properties":{"objectType":"detection","label":)" + std::to_string(outline.label) + R"(,"area":)" +
            std::to_string(outline.area) + "}}";
  }
  return text + "\n]}\n";
}

}  // namespace karyon
