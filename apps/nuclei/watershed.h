// Marker-controlled watershed: regions that grow from markers as water rises in a landscape.
// Invariant: every pixel of the mask that can be reached from a marker within the mask gets exactly one label, and each
// label stays connected to its markers.
#pragma once

#include <cstdint>
#include <span>

#include "apps/nuclei/components.h"
#include "apps/nuclei/label_image.h"

namespace karyon {

/// Floods the landscape (height * width, no NaN) from the markers, inside the mask (not 0). A marker's pixels outside
/// the mask do not count. The result has the markers' labels.
///
/// Pixels wait in a queue with the level at which the water reached them (their height, or the level before if that is
/// higher): the lowest first and of equals the one that was reached first, so a plateau is shared by the markers around
/// it. One that comes out gives its label to its neighbours that have none: above, left, right, below, then the four
/// corners. Vincent, Soille, IEEE PAMI 13(6), 1991; Beucher, Meyer, 1993.
/// It is the order of skimage.segmentation.watershed and gives its result. One case differs: between marker pixels of
/// exactly the same height, where its order is that of its heap, ours is row by row.
LabelImage watershed(std::span<const float> landscape, const LabelImage& markers, std::span<const std::uint8_t> mask,
                     Connectivity connectivity);

}  // namespace karyon
