#include "apps/inference/gallery.h"

#include <algorithm>

#include "apps/drawing/html_image.h"
#include "apps/drawing/text.h"
#include "apps/images/png.h"
#include "apps/nuclei/overlay.h"

namespace karyon {

namespace {

constexpr int kLongestSide = 320;

constexpr const char* kStyle = R"(
:root { color-scheme: light; }
body { font: 15px/1.4 system-ui, "DejaVu Sans", sans-serif; color: #1d2733; background: #f4f6f8; margin: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 16px; margin-top: 16px; }
figure { background: #fff; border: 1px solid #dde3ea; border-radius: 8px; padding: 12px; margin: 0; min-width: 0; }
img { display: block; margin: 0 auto; max-width: 100%; height: auto; }
figcaption { margin-top: 8px; overflow-wrap: anywhere; }
small { color: #5b6b7c; display: block; }
)";

/// The nearest pixel's picture and label, so that outlines are drawn at the thumbnail's own scale.
struct Thumbnail {
  RawPicture rgb;
  LabelImage nuclei;
};

Thumbnail shrink(const EightBits& picture, const LabelImage& nuclei) {
  const double by = std::max(
      {1.0, static_cast<double>(nuclei.width) / kLongestSide, static_cast<double>(nuclei.height) / kLongestSide});
  const int width = std::max(1, static_cast<int>(nuclei.width / by)),
            height = std::max(1, static_cast<int>(nuclei.height / by));
  const auto nearest = [by](int place, int size) { return std::min(static_cast<int>((place + 0.5) * by), size - 1); };
  Thumbnail small{RawPicture(width, height, 3, 8), LabelImage(width, height)};
  std::vector<std::uint8_t> row(static_cast<std::size_t>(nuclei.width) * 3);
  std::uint8_t* to = small.rgb.narrow.data();
  for (int y = 0; y < height; ++y) {
    const int from = nearest(y, nuclei.height);
    picture.window_rgb(0, from, nuclei.width, 1, row.data());
    for (int x = 0; x < width; ++x, to += 3) {
      const int column = nearest(x, nuclei.width);
      std::copy_n(&row[3 * static_cast<std::size_t>(column)], 3, to);
      small.nuclei.labels[small.nuclei.index(x, y)] = nuclei.labels[nuclei.index(column, from)];
    }
  }
  return small;
}

std::string counted(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string nuclei_text(std::size_t count) { return counted(count, "nucleus", "nuclei"); }

}  // namespace

std::string gallery_card(const std::string& id, const EightBits& picture, const LabelImage& nuclei) {
  Thumbnail small = shrink(picture, nuclei);
  const Picture drawn = draw_overlay(EightBits(std::move(small.rgb), Normalise::plain), small.nuclei);
  return "<figure>" + image_tag(encode_png(drawn), id) + "<figcaption>" + escape_xml(id) + "<small>" +
         nuclei_text(nuclei.count) + ", " + std::to_string(nuclei.width) + " x " + std::to_string(nuclei.height) +
         " pixels</small></figcaption></figure>\n";
}

std::string gallery_page(const std::string& cards, std::size_t images, std::size_t nuclei) {
  return std::string("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n") +
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Nuclei</title>\n<style>" +
         kStyle + "</style>\n</head>\n<body>\n<h1>Nuclei</h1>\n<p>" + nuclei_text(nuclei) + " in " +
         counted(images, "picture", "pictures") + "</p>\n<main>\n" + cards + "</main>\n</body>\n</html>\n";
}

}  // namespace karyon
