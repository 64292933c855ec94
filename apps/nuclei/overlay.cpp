#include "apps/nuclei/overlay.h"

#include <algorithm>
#include <array>

#include "kernels/check.h"

namespace karyon {

namespace {

constexpr std::array<std::uint8_t, 3> kOutlineColour{255, 210, 0};

}  // namespace

OverlayRows::OverlayRows(const EightBits& picture, const LabelImage& nuclei)
    : picture_(picture), nuclei_(nuclei), line_(1 + std::min({nuclei.width / 600, nuclei.height / 600, 2})) {
  KARYON_CHECK(picture.width() == nuclei.width && picture.height() == nuclei.height, "labels of the picture's size");
}

bool OverlayRows::on_rim(int x, int y) const {
  const std::uint32_t label = nuclei_.labels[nuclei_.index(x, y)];
  for (int v = std::max(0, y - line_); v <= std::min(nuclei_.height - 1, y + line_); ++v) {
    for (int u = std::max(0, x - line_); u <= std::min(nuclei_.width - 1, x + line_); ++u) {
      if (nuclei_.labels[nuclei_.index(u, v)] != label) return true;
    }
  }
  return false;
}

void OverlayRows::row(int y, std::uint8_t* to) const {
  picture_.window_rgb(0, y, nuclei_.width, 1, to);
  for (int x = 0; x < nuclei_.width; ++x, to += 3) {
    if (nuclei_.labels[nuclei_.index(x, y)] != 0 && on_rim(x, y)) {
      std::copy(kOutlineColour.begin(), kOutlineColour.end(), to);
    }
  }
}

Picture draw_overlay(const EightBits& picture, const LabelImage& nuclei) {
  const OverlayRows rows(picture, nuclei);
  Picture drawn(picture.width(), picture.height(), 3);
  for (int y = 0; y < drawn.height; ++y) {
    rows.row(y, &drawn.pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(drawn.width) * 3]);
  }
  return drawn;
}

}  // namespace karyon
