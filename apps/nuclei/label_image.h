// A picture's nuclei, one number each.
// Invariant: labels holds height * width numbers, row by row from the top: 0 background, 1..count the nuclei. What this
// folder makes numbers them by their first pixel in that order, as scikit-image's label does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace karyon {

struct LabelImage {
  int width = 0, height = 0;
  std::uint32_t count = 0;
  std::vector<std::uint32_t> labels;

  LabelImage() = default;
  /// All background.
  LabelImage(int w, int h) : width(w), height(h), labels(static_cast<std::size_t>(w) * static_cast<std::size_t>(h)) {}
  /// The pixel's index in labels.
  [[nodiscard]] std::size_t index(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
  }
};

/// A rectangle of pixels, with its first column and row.
struct PixelBox {
  int x = 0, y = 0, width = 0, height = 0;
};

/// Numbers the nuclei 1..count by their first pixel, whatever numbers they had; numbers without a pixel are given up.
/// Memory: 4 bytes for each number up to the largest, or for each pixel where there are fewer.
void renumber(LabelImage& image);

/// The nuclei that any numbers tell apart, height * width of them, numbered so.
LabelImage numbered(int width, int height, std::vector<std::uint32_t> labels);

}  // namespace karyon
