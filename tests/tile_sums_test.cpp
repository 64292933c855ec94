// Sums of pixels for tiles against the formula: every pattern of one, two and four pixels, at every border.
#include "kernels/tile_sums.h"

#include <vector>

#include <gtest/gtest.h>

#include "engine/random.h"

namespace karyon::testing {
namespace {

TEST(TileSums, AddsThePixelsThatLieInside) {
  constexpr int kImages = 2, kHeight = 5, kWidth = 7;
  const AxisSum patterns[] = {
      {1, {0, 0}}, {1, {1, 0}}, {1, {0, 0}, {-1.0F, 0.0F}}, {2, {0, -1}, {1.0F, -1.0F}}, {2, {4, 2}, {1.0F, -1.0F}},
      {2, {0, 2}}};
  RandomStream random(1, Purpose::bench);
  for (const int channels : {1, 15, 16, 17, 48, 50}) {
    const int pitch = channels + 3;
    std::vector<float> x(static_cast<std::size_t>(kImages * kHeight * kWidth * pitch));
    for (float& v : x) v = static_cast<float>(random.below(2001)) - 1000.0F;
    const ConstFloatView view(x.data(), kImages, kHeight, kWidth, channels, pitch);
    const std::int64_t panels = panels_of(channels);
    for (const int step : {2, 4}) {
      const int tiles = kWidth / step + 1;
      for (const AxisSum& down : patterns) {
        for (const AxisSum& across : patterns) {
          for (std::int64_t first = 0; first < panels; ++first) {
            const TileLayout layout{(panels - first) * kPanel + 1, kPanel};
            std::vector<float> sums(static_cast<std::size_t>(tiles * layout.tile), -7.0F);
            const int n = 1, row = 3;
            tile_sums(view, n, row, down, across, step, tiles, first, panels, sums.data(), layout);
            for (int t = 0; t < tiles; ++t) {
              for (std::int64_t c = first * kPanel; c < panels * kPanel; ++c) {
                float expected = 0.0F;
                for (int a = 0; a < down.count; ++a) {
                  for (int b = 0; b < across.count; ++b) {
                    const int i = row + down.offset[a], j = t * step + across.offset[b];
                    if (c < channels && i >= 0 && i < kHeight && j >= 0 && j < kWidth) {
                      expected += down.sign[a] * across.sign[b] * view.at(n, i, j)[c];
                    }
                  }
                }
                ASSERT_EQ(sums[static_cast<std::size_t>(t * layout.tile + c - first * kPanel)], expected)
                    << channels << " channels, step " << step << ", tile " << t << ", channel " << c;
              }
              ASSERT_EQ(sums[static_cast<std::size_t>((t + 1) * layout.tile - 1)], -7.0F);
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace karyon::testing
