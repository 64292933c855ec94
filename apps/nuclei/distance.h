// The exact Euclidean distance of each pixel to the background.
// Invariant: squares are compared as integers, so the nearest background pixel is the nearest, and the result is the
// float nearest to its distance.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace karyon {

/// For each pixel of the mask (not 0) the distance, in pixels, to the centre of the nearest pixel that is 0, and 0 for
/// those; height * width. What lies outside the picture is not background. Where there is no background at all, every
/// distance is infinite (scipy.ndimage.distance_transform_edt then measures to a pixel outside the picture).
///
/// Two passes, each linear in the pixels: along columns, then over the lower envelope of a parabola a column. Meijster,
/// Roerdink, Hesselink, "A general algorithm for computing distance transforms in linear time", 2000; Felzenszwalb,
/// Huttenlocher, "Distance transforms of sampled functions", Theory of Computing 8, 2012.
std::vector<float> distance_to_background(int width, int height, std::span<const std::uint8_t> mask);

}  // namespace karyon
