#include "apps/nuclei/holes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "apps/nuclei/components.h"

namespace karyon {

namespace {

struct Hole {
  std::int64_t area = 0;
  bool stays = false;
};

}  // namespace

void fill_holes(int width, int height, int below, std::span<const std::uint8_t> taken,
                std::vector<std::uint8_t>& shape) {
  if (below <= 1) return;
  std::vector<std::uint8_t> rest(shape.size());
  std::transform(shape.begin(), shape.end(), rest.begin(), [](std::uint8_t on) { return on == 0 ? 1 : 0; });
  const Components parts = find_components(width, height, rest, 1, Connectivity::eight);
  const auto index = [width](const Run& run) {
    return static_cast<std::size_t>(run.y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(run.begin);
  };
  std::vector<Hole> holes(static_cast<std::size_t>(parts.count) + 1);
  for (const Run& run : parts.runs) {
    Hole& hole = holes[run.component];
    hole.area += run.end - run.begin;
    const bool at_edge = run.y == 0 || run.y == height - 1 || run.begin == 0 || run.end == width;
    const auto pixels = taken.subspan(index(run), static_cast<std::size_t>(run.end - run.begin));
    hole.stays = hole.stays || at_edge || hole.area >= below ||
                 std::any_of(pixels.begin(), pixels.end(), [](std::uint8_t other) { return other != 0; });
  }
  for (const Run& run : parts.runs) {
    if (!holes[run.component].stays) std::fill_n(&shape[index(run)], run.end - run.begin, std::uint8_t{1});
  }
}

}  // namespace karyon
