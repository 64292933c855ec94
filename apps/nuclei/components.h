// Connected components of a mask.
// Invariant: components are numbered 1, 2, ... by their first pixel row by row, as scikit-image's label numbers them.
// A mask is read as runs (stretches of a row), joined by union-find: He, Chao, Suzuki, "A run-based two-scan labeling
// algorithm", IEEE Trans. Image Processing 17(5), 2008. What is kept is a run's size, not a pixel's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/nuclei/label_image.h"

namespace karyon {

/// Whether pixels touch by their sides alone, or by their corners too (scikit-image's connectivity 1 and 2).
enum class Connectivity { four, eight };

/// The pixels x in [begin, end) of row y, all of one component.
struct Run {
  int y = 0, begin = 0, end = 0;
  std::uint32_t component = 0;
};

struct Components {
  std::uint32_t count = 0;
  std::vector<Run> runs;  // by row, then by column
};

/// The components of the pixels that are at least `level`. plane: height * width.
Components find_components(int width, int height, std::span<const std::uint8_t> plane, std::uint8_t level,
                           Connectivity connectivity);

/// The components of the mask's pixels that are not 0, as a label image.
LabelImage label_components(int width, int height, std::span<const std::uint8_t> mask, Connectivity connectivity);

}  // namespace karyon
