#include "apps/nuclei/peaks.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "kernels/check.h"

namespace karyon {

namespace {

constexpr std::uint32_t kUnder = std::numeric_limits<std::uint32_t>::max();  // still under water

/// The pixels of the mask, the highest first and of equals the first one.
std::vector<std::uint32_t> from_high_to_low(std::span<const float> heights, std::span<const std::uint8_t> mask) {
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < mask.size(); ++i) {
    if (mask[i] != 0) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [heights](std::uint32_t a, std::uint32_t b) {
    return heights[a] != heights[b] ? heights[a] > heights[b] : a < b;
  });
  return order;
}

/// Islands that grow as the water sinks; each is a set of union-find named by its highest pixel.
class Islands {
 public:
  explicit Islands(std::size_t pixels) : parent_(pixels, kUnder) {}

  [[nodiscard]] bool is_under(std::uint32_t pixel) const { return parent_[pixel] == kUnder; }
  void rise(std::uint32_t pixel, std::uint32_t peak) { parent_[pixel] = peak; }
  std::uint32_t peak_of(std::uint32_t pixel) {
    while (parent_[pixel] != pixel) {
      parent_[pixel] = parent_[parent_[pixel]];
      pixel = parent_[pixel];
    }
    return pixel;
  }

 private:
  std::vector<std::uint32_t> parent_;
};

}  // namespace

LabelImage find_peaks(int width, int height, std::span<const float> heights, std::span<const std::uint8_t> mask,
                      float min_depth) {
  LabelImage peaks(width, height);
  KARYON_CHECK(heights.size() == peaks.labels.size() && mask.size() == heights.size(), "heights and mask of one size");
  KARYON_CHECK(mask.size() < kUnder, "fewer than 2^32 - 1 pixels");
  const auto w = static_cast<std::uint32_t>(width), h = static_cast<std::uint32_t>(height);
  const auto higher = [heights](std::uint32_t a, std::uint32_t b) {
    return heights[a] != heights[b] ? heights[a] > heights[b] : a < b;
  };
  Islands islands(mask.size());
  for (const std::uint32_t pixel : from_high_to_low(heights, mask)) {
    const std::uint32_t x = pixel % w, y = pixel / w;
    const std::array<std::uint32_t, 4> around{y > 0 ? pixel - w : kUnder, x > 0 ? pixel - 1 : kUnder,
                                              x + 1 < w ? pixel + 1 : kUnder, y + 1 < h ? pixel + w : kUnder};
    std::uint32_t highest = pixel;
    for (const std::uint32_t neighbour : around) {
      if (neighbour == kUnder || islands.is_under(neighbour)) continue;
      const std::uint32_t peak = islands.peak_of(neighbour);
      if (highest == pixel || peak == highest) {
        highest = peak;
        continue;
      }
      // Two islands meet here: the lower peak's depth is known now.
      const std::uint32_t lower = higher(peak, highest) ? highest : peak;
      highest = lower == peak ? highest : peak;
      if (heights[lower] - heights[pixel] >= min_depth) peaks.labels[lower] = 1;
      islands.rise(lower, highest);
    }
    islands.rise(pixel, highest);
  }
  for (std::uint32_t pixel = 0; pixel < mask.size(); ++pixel) {
    if (mask[pixel] == 0) continue;
    if (islands.peak_of(pixel) == pixel || peaks.labels[pixel] != 0) peaks.labels[pixel] = ++peaks.count;
  }
  return peaks;
}

}  // namespace karyon
