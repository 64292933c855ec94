// Sums of a few pixels for every tile of a row: what goes into Winograd's products.
// Invariant: pixels outside of the image count as zero; lanes between a view's channels and the end of its last panel
// are written as zero.
#pragma once

#include "kernels/panel_product.h"
#include "kernels/view.h"

namespace karyon {

/// Along one axis: sign[0] * x[at + offset[0]] + sign[1] * x[at + offset[1]], of which `count` are there.
struct AxisSum {
  int count = 1;
  int offset[2] = {0, 0};
  float sign[2] = {1.0F, 1.0F};
};

/// Where sums go: channel c of tile t at data[t * tile + c / 16 * panel + c % 16].
struct TileLayout {
  std::ptrdiff_t tile = 0, panel = 0;
};

/// For each of `tiles` tiles, whose places in row `row` of image n are 0, step, 2 step, ...: the sum over the pixels
/// that `down` and `across` name together, of the panels [panel_begin, panel_end) of x's channels.
void tile_sums(const ConstFloatView& x, int n, int row, const AxisSum& down, const AxisSum& across, int step, int tiles,
               std::int64_t panel_begin, std::int64_t panel_end, float* out, const TileLayout& layout);

}  // namespace karyon
