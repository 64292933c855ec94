// Nuclei outlined on their picture.
// Invariant: only pixels of the nuclei's own rims change, so the picture beneath can still be judged, and touching
// nuclei have a line between them.
#pragma once

#include <cstdint>

#include "apps/images/intensity.h"
#include "apps/images/picture.h"
#include "apps/nuclei/label_image.h"

namespace karyon {

/// Row by row, for pictures too large to be held as RGB. Of each nucleus the pixels within the line's width of anything
/// else are coloured (1 pixel below 600, 2 below 1200, 3 from there on).
class OverlayRows {
 public:
  OverlayRows(const EightBits& picture, const LabelImage& nuclei);
  /// RGB of row y, width * 3 bytes.
  void row(int y, std::uint8_t* to) const;

 private:
  [[nodiscard]] bool on_rim(int x, int y) const;

  const EightBits& picture_;
  const LabelImage& nuclei_;
  int line_;
};

/// All of them.
Picture draw_overlay(const EightBits& picture, const LabelImage& nuclei);

}  // namespace karyon
