#include "apps/inference/tiles.h"

#include <algorithm>

#include "kernels/check.h"
#include "model/unet.h"

namespace karyon {
namespace {

int whole_multiple(int size) { return (size + kSizeMultiple - 1) / kSizeMultiple * kSizeMultiple; }

/// Rises from nothing behind the first quarter of the overlap to 1 before its last quarter.
float ramp(int distance_from_edge, int overlap) {
  const float quarter = static_cast<float>(overlap) / 4;
  const float along = (static_cast<float>(distance_from_edge) + 0.5F - quarter) / (2 * quarter);
  return std::clamp(along, 0.0F, 1.0F);
}

}  // namespace

TileAxis plan_axis(int size, int tile, int overlap) {
  KARYON_CHECK(size > 0 && tile % kSizeMultiple == 0 && overlap % kSizeMultiple == 0 && overlap >= 0 && overlap < tile,
               "windows and their overlap in multiples of 32");
  const int padded = whole_multiple(size);
  TileAxis axis;
  // As few windows as can be, and these no longer than so many need to be.
  const int step = tile - overlap, windows = padded <= tile ? 1 : (padded - overlap + step - 1) / step;
  axis.length = whole_multiple((padded + (windows - 1) * overlap + windows - 1) / windows);
  for (int k = 0; k + 1 < windows; ++k) axis.starts.push_back(k * (axis.length - overlap));
  axis.starts.push_back(padded - axis.length);

  std::vector<float> sum(static_cast<std::size_t>(padded));
  for (const int start : axis.starts) {
    std::vector<float>& weights = axis.weights.emplace_back();
    for (int i = 0; i < axis.length; ++i) {
      const float left = start == 0 || overlap == 0 ? 1.0F : ramp(i, overlap);
      const bool at_end = start + axis.length == padded;
      const float right = at_end || overlap == 0 ? 1.0F : ramp(axis.length - 1 - i, overlap);
      weights.push_back(std::min(left, right));
      sum[static_cast<std::size_t>(start + i)] += weights.back();
    }
  }
  for (std::size_t k = 0; k < axis.starts.size(); ++k) {
    for (int i = 0; i < axis.length; ++i) {
      axis.weights[k][static_cast<std::size_t>(i)] /= sum[static_cast<std::size_t>(axis.starts[k] + i)];
    }
  }
  return axis;
}

}  // namespace karyon
