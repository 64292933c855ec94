// Label images made visible: outlines on the picture, and the labels themselves in colours.
// Invariant: an outline's pixels belong to the nucleus they outline, so between two that touch there are two lines.
#pragma once

#include <array>
#include <cstdint>

#include "apps/images/picture.h"
#include "apps/nuclei/label_image.h"

namespace karyon {

using Rgb = std::array<std::uint8_t, 3>;

/// A bright colour for each number from 1 on; numbers near one another, as neighbours have, differ in hue by the golden
/// ratio's fraction of the circle. 0 is black.
Rgb label_colour(std::uint32_t label);

/// Each pixel in its label's colour.
Picture colour_labels(const LabelImage& image);

/// Colours each nucleus's pixels that have background or another nucleus within the line's width, which grows with the
/// picture as draw_outline's does; the picture's edge is no outline. picture: RGB, of the labels' size.
void draw_outlines(Picture& picture, const LabelImage& image, Rgb colour);
/// The same, each in its label's colour.
void draw_outlines(Picture& picture, const LabelImage& image);

}  // namespace karyon
