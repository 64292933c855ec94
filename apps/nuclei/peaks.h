// The peaks of a landscape that stand out.
// Invariant: a peak is found exactly when one has to climb down from it by min_depth or more to reach a higher one (its
// dynamics: Grimaud, SPIE 1769, 1992), and the highest always is.
#pragma once

#include <cstdint>
#include <span>

#include "apps/nuclei/label_image.h"

namespace karyon {

/// One labelled pixel for each such peak of heights (height * width, finite) within the mask (not 0), of a plateau its
/// first pixel. Paths go by the sides of pixels and stay in the mask; each connected part of it has its own highest
/// peak. min_depth: above 0.
LabelImage find_peaks(int width, int height, std::span<const float> heights, std::span<const std::uint8_t> mask,
                      float min_depth);

}  // namespace karyon
