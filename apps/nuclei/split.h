// Nuclei from what the network says of each pixel: the product's step from probabilities to a label image.
// Invariant: each nucleus is one 4-connected set of pixels, no two share a pixel, and the result does not depend on the
// number of threads. Each connected part of the foreground is worked on alone, in its bounding box, so the memory
// needed beside inputs and result is the foreground's runs and what the largest part takes (about 40 bytes a pixel of
// its box, for each thread).
#pragma once

#include <cstdint>
#include <span>

#include "apps/nuclei/label_image.h"

namespace karyon {

struct SplitSettings {
  /// Pixels of at least this foreground probability are nuclei. [0, 1]
  float threshold = 0.5F;
  /// With interiors: connected pixels of more than this interior probability are one nucleus's seed. [0, 1]
  float marker_threshold = 0.5F;
  /// With interiors: smaller seeds are noise, in pixels.
  int min_marker_area = 4;
  /// Without interiors: standard deviation, in pixels, of the Gaussian that smooths the distance to the background; 0
  /// leaves it as it is.
  float distance_smoothing = 1.0F;
  /// Without interiors: how far the distance must fall, in pixels, between a peak and any higher one for both to be
  /// nuclei (a peak's dynamics: Grimaud, SPIE 1769, 1992). Above 0.
  float min_depth = 0.75F;
  /// Background enclosed by one connected part of the foreground is filled when it has fewer pixels than this.
  int fill_holes_below = 32;
  /// Nuclei of fewer pixels are dropped.
  int min_area = 16;
};

/// Error usage when a setting is out of its range, naming it.
void check_split_settings(const SplitSettings& settings);

/// Probabilities come as round(255 p), height * width of them: foreground (anything of a nucleus), and interior (a
/// nucleus without its border) of a network that was taught three classes; of one that was not, interior is empty.
///
/// With interiors, seeds are the connected pixels of high interior probability and the flood rises over its complement;
/// without, seeds are the peaks of the smoothed distance to the background and the flood rises over its negative
/// (apps/nuclei/watershed.h). A part of the foreground without a seed is one nucleus. Checks the settings as above.
LabelImage split_nuclei(int width, int height, std::span<const std::uint8_t> foreground,
                        std::span<const std::uint8_t> interior, const SplitSettings& settings, int threads);

}  // namespace karyon
