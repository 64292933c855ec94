#include "apps/images/overlay.h"

#include <algorithm>

#include "kernels/check.h"

namespace karyon {

void draw_outline(Picture& picture, std::span<const std::uint8_t> mask, std::array<std::uint8_t, 3> colour) {
  KARYON_CHECK(picture.channels == 3 && mask.size() == picture.count(), "an RGB picture and a mask of its size");
  const int line = 1 + std::min(picture.width, picture.height) / 600;
  const auto inside = [&](int y, int x) {
    return mask[static_cast<std::size_t>(y) * static_cast<std::size_t>(picture.width) + static_cast<std::size_t>(x)] !=
           0;
  };
  const auto on_rim = [&](int y, int x) {
    for (int v = std::max(0, y - line); v <= std::min(picture.height - 1, y + line); ++v) {
      for (int u = std::max(0, x - line); u <= std::min(picture.width - 1, x + line); ++u) {
        if (!inside(v, u)) return true;
      }
    }
    return false;
  };
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      if (!inside(y, x) || !on_rim(y, x)) continue;
      const auto pixel =
          static_cast<std::size_t>(y) * static_cast<std::size_t>(picture.width) + static_cast<std::size_t>(x);
      std::copy(colour.begin(), colour.end(), &picture.pixels[3 * pixel]);
    }
  }
}

}  // namespace karyon
