// The formulas of kernels/augment.h: which pixel a flipped one comes from.
// Invariant: flip bit 1 mirrors left-right, bit 2 up-down.
#pragma once

#include "tests/reference/array.h"

namespace karyon::reference {

/// Element (i, row, col, ch) of the gathered and flipped batch, as it stands in `images` (count, h, w, c).
inline double augmented(const Array& images, int index, int flip, int row, int col, int ch) {
  const int source_row = (flip & 2) != 0 ? images.shape[1] - 1 - row : row;
  const int source_col = (flip & 1) != 0 ? images.shape[2] - 1 - col : col;
  return images.at(index, source_row, source_col, ch);
}

}  // namespace karyon::reference
