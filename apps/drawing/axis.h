// Round numbers for the axis of a plot.
// Invariant: ticks are multiples of 1, 2 or 5 times a power of ten (Heckbert, "Nice numbers for graph labels", Graphics
// Gems, 1990), they lie within the range, and their labels tell them apart.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace karyon {

struct Range {
  double low = 0, high = 1;
};

/// The smallest range that holds every finite value; 0 to 1 where there is none.
Range range_of(std::span<const std::vector<double>> series);
/// Widened on both sides by a twentieth of its extent, and by a hundredth of its values at least, so that what hardly
/// changes does not look like a leap. Around a single value: from 0 to twice as much.
Range padded(Range range);

struct Ticks {
  std::vector<double> values;
  std::vector<std::string> labels;  // as many
};

/// About `wanted` ticks (at least 2, at most twice as many), `least_step` or more apart: 1 for whole numbers. The range
/// is finite and has an extent.
Ticks round_ticks(Range range, int wanted, double least_step = 0);

}  // namespace karyon
