#include "apps/data/class_labels.h"

#include <algorithm>
#include <vector>

#include "kernels/check.h"

namespace karyon {
namespace {

constexpr std::uint8_t kInterior = 1, kBorder = 2;
constexpr int kBorderWidth = 2;

/// The pixels of nuclei that have nothing else within `reach` rows and columns, as 1. A square is a row of rows, so
/// rows are looked at first.
std::vector<std::uint8_t> eroded(std::span<const std::uint32_t> nuclei, int height, int width, int reach) {
  const auto at = [width](int y, int x) {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
  };
  std::vector<std::uint8_t> along(nuclei.size()), all(nuclei.size());
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::uint32_t nucleus = nuclei[at(y, x)];
      bool same = nucleus != 0;
      for (int k = std::max(x - reach, 0); k <= std::min(x + reach, width - 1); ++k) {
        same = same && nuclei[at(y, k)] == nucleus;
      }
      along[at(y, x)] = same ? 1 : 0;
    }
  }
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      bool same = along[at(y, x)] != 0;
      for (int k = std::max(y - reach, 0); same && k <= std::min(y + reach, height - 1); ++k) {
        same = along[at(k, x)] != 0 && nuclei[at(k, x)] == nuclei[at(y, x)];
      }
      all[at(y, x)] = same ? 1 : 0;
    }
  }
  return all;
}

}  // namespace

void class_labels(std::span<const std::uint32_t> nuclei, int height, int width, int classes, std::uint8_t* to) {
  KARYON_CHECK(classes == 2 || classes == 3, "two or three classes");
  if (classes == 2) {
    std::transform(nuclei.begin(), nuclei.end(), to, [](std::uint32_t n) { return n != 0 ? kInterior : 0; });
    return;
  }
  std::transform(nuclei.begin(), nuclei.end(), to, [](std::uint32_t n) { return n != 0 ? kBorder : 0; });
  std::vector<std::uint8_t> has_interior(nuclei.empty() ? 1 : std::size_t{*std::ranges::max_element(nuclei)} + 1);
  for (int reach = kBorderWidth; reach >= 0; --reach) {
    const std::vector<std::uint8_t> inside = eroded(nuclei, height, width, reach);
    const std::vector<std::uint8_t> had = has_interior;
    for (std::size_t i = 0; i < nuclei.size(); ++i) {
      if (inside[i] == 0 || had[nuclei[i]] != 0) continue;
      to[i] = kInterior;
      has_interior[nuclei[i]] = 1;
    }
  }
}

}  // namespace karyon
