// A plane smoothed by a Gaussian.
// Invariant: the weights sum to 1, so a constant plane stays as it is.
#pragma once

#include <vector>

namespace karyon {

/// Convolves rows and columns of the plane (height * width) with a Gaussian of the given standard deviation in pixels,
/// cut off at 4 of them, the plane mirrored at its edges: scipy.ndimage.gaussian_filter. 0 leaves it as it is.
void smooth(int width, int height, float sigma, std::vector<float>& plane);

}  // namespace karyon
