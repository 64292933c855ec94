#include "apps/nuclei/label_colours.h"

#include <algorithm>
#include <cmath>

#include "kernels/check.h"

namespace karyon {

namespace {

/// Whether another label stands within `line` pixels, sideways and up or down.
bool on_rim(const LabelImage& image, int x, int y, int line) {
  const std::uint32_t label = image.labels[image.index(x, y)];
  for (int v = std::max(0, y - line); v <= std::min(image.height - 1, y + line); ++v) {
    for (int u = std::max(0, x - line); u <= std::min(image.width - 1, x + line); ++u) {
      if (image.labels[image.index(u, v)] != label) return true;
    }
  }
  return false;
}

template <typename ColourOf>
void draw(Picture& picture, const LabelImage& image, ColourOf&& colour_of) {
  KARYON_CHECK(picture.channels == 3 && picture.width == image.width && picture.height == image.height,
               "an RGB picture of the labels' size");
  const int line = 1 + std::min(picture.width, picture.height) / 600;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const std::size_t pixel = image.index(x, y);
      if (image.labels[pixel] == 0 || !on_rim(image, x, y, line)) continue;
      const Rgb colour = colour_of(image.labels[pixel]);
      std::copy(colour.begin(), colour.end(), &picture.pixels[3 * pixel]);
    }
  }
}

}  // namespace

Rgb label_colour(std::uint32_t label) {
  if (label == 0) return {0, 0, 0};
  constexpr double kGolden = 0.618033988749895;
  const double hue = std::fmod(label * kGolden, 1.0);
  // Hue to RGB: each channel is a trapezium over the circle, a third of it after the one before.
  Rgb colour{};
  for (int c = 0; c < 3; ++c) {
    const double away = std::abs(std::fmod(hue * 6 + 2 * (3 - c), 6.0) - 3);  // 3 at the channel's own hue
    const double value = std::clamp(away - 1, 0.0, 1.0);
    colour.at(static_cast<std::size_t>(c)) = static_cast<std::uint8_t>(std::lround(60 + 195 * value));
  }
  return colour;
}

Picture colour_labels(const LabelImage& image) {
  Picture picture(image.width, image.height, 3);
  for (std::size_t i = 0; i < image.labels.size(); ++i) {
    const Rgb colour = label_colour(image.labels[i]);
    std::copy(colour.begin(), colour.end(), &picture.pixels[3 * i]);
  }
  return picture;
}

void draw_outlines(Picture& picture, const LabelImage& image, Rgb colour) {
  draw(picture, image, [colour](std::uint32_t) { return colour; });
}

void draw_outlines(Picture& picture, const LabelImage& image) { draw(picture, image, label_colour); }

}  // namespace karyon
