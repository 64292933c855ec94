// Outlines of nuclei on their picture.
#include "apps/nuclei/overlay.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace karyon {
namespace {

using Rgb = std::array<int, 3>;
constexpr Rgb kLine{255, 210, 0}, kGrey{50, 50, 50};

EightBits grey_picture(int width, int height) {
  RawPicture raw(width, height, 1, 8);
  raw.narrow.assign(raw.samples(), 50);
  return {std::move(raw), Normalise::plain};
}

Rgb at(const Picture& picture, int x, int y) {
  const std::uint8_t* pixel = &picture.pixels[static_cast<std::size_t>(3 * (y * picture.width + x))];
  return {pixel[0], pixel[1], pixel[2]};
}

TEST(Overlay, OnlyTheRimsAreColoured) {
  LabelImage nuclei(9, 9);
  for (int y = 2; y < 7; ++y) {
    for (int x = 0; x < 5; ++x) nuclei.labels[nuclei.index(x, y)] = 1;  // touches the picture's left edge
  }
  const Picture drawn = draw_overlay(grey_picture(9, 9), nuclei);
  for (int y = 0; y < 9; ++y) {
    for (int x = 0; x < 9; ++x) {
      const bool is_inside = nuclei.labels[nuclei.index(x, y)] != 0;
      const bool is_rim = is_inside && (y == 2 || y == 6 || x == 4);  // the picture's own edge is no outline
      EXPECT_EQ(at(drawn, x, y), is_rim ? kLine : kGrey) << y << ' ' << x;
    }
  }
}

TEST(Overlay, TouchingNucleiHaveALineBetweenThem) {
  LabelImage nuclei(10, 1);
  nuclei.labels = {1, 1, 1, 1, 1, 2, 2, 2, 2, 2};
  const Picture drawn = draw_overlay(grey_picture(10, 1), nuclei);
  for (int x = 0; x < 10; ++x) EXPECT_EQ(at(drawn, x, 0), x == 4 || x == 5 ? kLine : kGrey) << x;
}

TEST(Overlay, LinesAreWiderOnLargePictures) {
  for (const auto& [side, wide] : {std::pair(599, 1), std::pair(600, 2), std::pair(1200, 3), std::pair(3000, 3)}) {
    LabelImage nuclei(side, side);
    for (int y = 100; y < 150; ++y) {
      for (int x = 100; x < 150; ++x) nuclei.labels[nuclei.index(x, y)] = 1;
    }
    const EightBits picture = grey_picture(side, side);
    std::vector<std::uint8_t> row(static_cast<std::size_t>(3 * side));
    OverlayRows(picture, nuclei).row(125, row.data());
    int coloured = 0;
    for (int x = 100; x < 125; ++x) coloured += row[static_cast<std::size_t>(3 * x)] == 255 ? 1 : 0;
    EXPECT_EQ(coloured, wide) << side;
  }
}

TEST(Overlay, NothingAndAllOfOneNucleusChangeNothing) {
  for (const std::uint32_t value : {0U, 1U}) {
    LabelImage nuclei(12, 5);
    nuclei.labels.assign(60, value);
    EXPECT_EQ(draw_overlay(grey_picture(12, 5), nuclei).pixels, grey_picture(12, 5).rgb().pixels);
  }
}

}  // namespace
}  // namespace karyon
