#include "apps/nuclei/watershed.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <limits>
#include <queue>
#include <vector>

#include "kernels/check.h"

namespace karyon {

namespace {

/// Orders as the float does: of two's negatives the bits order the other way round. -0 becomes 0.
std::uint32_t sortable(float value) {
  constexpr std::uint32_t kSign = 0x80000000U;
  const auto bits = std::bit_cast<std::uint32_t>(value + 0.0F);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

/// A pixel reached by the water: the water's level there and then age, 0 for markers, in one number.
struct Reached {
  std::uint64_t level_and_age;
  std::uint32_t index;
  bool operator>(const Reached& other) const {
    return level_and_age != other.level_and_age ? level_and_age > other.level_and_age : index > other.index;
  }
};

struct Step {
  int x, y;
};
constexpr std::array<Step, 8> kNeighbours{{{0, -1}, {-1, 0}, {1, 0}, {0, 1}, {-1, -1}, {1, -1}, {-1, 1}, {1, 1}}};

class Flood {
 public:
  Flood(std::span<const float> landscape, std::span<const std::uint8_t> mask, std::size_t neighbours, LabelImage& image)
      : landscape_(landscape), mask_(mask), neighbours_(kNeighbours.data(), neighbours), image_(image) {}

  void run() {
    for (std::uint32_t index = 0; index < mask_.size(); ++index) {
      if (mask_[index] == 0) image_.labels[index] = 0;
    }
    // A marker pixel amidst its own has nobody to give its label to.
    for (std::uint32_t index = 0; index < mask_.size(); ++index) {
      if (image_.labels[index] != 0 && has_dry_neighbour(index)) push(index, 0, 0);
    }
    while (!queue_.empty()) {
      const std::uint32_t from = queue_.top().index;
      const auto level = static_cast<std::uint32_t>(queue_.top().level_and_age >> 32U);
      queue_.pop();
      for_each_dry_neighbour(from, [&](std::uint32_t to) {
        image_.labels[to] = image_.labels[from];
        push(to, level, ++age_);
      });
    }
  }

 private:
  template <typename Visit>
  void for_each_dry_neighbour(std::uint32_t index, Visit&& visit) const {
    const auto width = static_cast<std::uint32_t>(image_.width);
    const int x = static_cast<int>(index % width), y = static_cast<int>(index / width);
    for (const Step step : neighbours_) {
      const int u = x + step.x, v = y + step.y;
      if (u < 0 || v < 0 || u >= image_.width || v >= image_.height) continue;
      const std::size_t to = image_.index(u, v);
      if (mask_[to] != 0 && image_.labels[to] == 0) visit(static_cast<std::uint32_t>(to));
    }
  }

  [[nodiscard]] bool has_dry_neighbour(std::uint32_t index) const {
    bool dry = false;
    for_each_dry_neighbour(index, [&dry](std::uint32_t) { dry = true; });
    return dry;
  }

  /// Water that came over `level` fills what lies lower up to there.
  void push(std::uint32_t index, std::uint32_t level, std::uint32_t age) {
    const std::uint64_t reached = std::max(sortable(landscape_[index]), level);
    queue_.push({reached << 32U | age, index});
  }

  std::span<const float> landscape_;
  std::span<const std::uint8_t> mask_;
  std::span<const Step> neighbours_;
  LabelImage& image_;
  std::uint32_t age_ = 0;
  std::priority_queue<Reached, std::vector<Reached>, std::greater<>> queue_;
};

}  // namespace

LabelImage watershed(std::span<const float> landscape, const LabelImage& markers, std::span<const std::uint8_t> mask,
                     Connectivity connectivity) {
  KARYON_CHECK(landscape.size() == markers.labels.size() && mask.size() == markers.labels.size(),
               "landscape, markers and mask of one size");
  KARYON_CHECK(mask.size() < std::numeric_limits<std::uint32_t>::max(), "fewer than 2^32 pixels");
  LabelImage image = markers;
  Flood(landscape, mask, connectivity == Connectivity::four ? 4 : 8, image).run();
  return image;
}

}  // namespace karyon
