// How a picture of any size is cut into windows that the network can take, and how their results are put together.
// Invariant: windows of a picture are all of one size, multiples of 32, and begin at multiples of 32, where the
// network's strides fall as they would in the picture as a whole; the weights of all windows over a pixel add up to 1,
// and a window's outermost pixels, which see least of what surrounds them, count for nothing where another one has
// them.
#pragma once

#include <vector>

namespace karyon {

/// Along one side of a picture.
struct TileAxis {
  int length = 0;           // of every window
  std::vector<int> starts;  // ascending; the last window may reach beyond the picture
  /// weights[k][i]: of pixel starts[k] + i in window k.
  std::vector<std::vector<float>> weights;
};

/// As few windows of at most `tile` as can be. size: pixels of the side; tile, overlap: multiples of 32, overlap <
/// tile. A side that fits into one window, made up to a multiple of 32, gets one of just that length.
TileAxis plan_axis(int size, int tile, int overlap);

}  // namespace karyon
