// The outline of a mask drawn over its picture.
// Invariant: only pixels of the mask's own rim change, so the picture beneath can still be judged.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "apps/images/picture.h"

namespace karyon {

/// Colours every pixel of the mask (non-zero) that has background within the line's width, which grows with the picture
/// (1 pixel below 600, 2 below 1200, ...). picture: RGB; mask: height * width.
void draw_outline(Picture& picture, std::span<const std::uint8_t> mask, std::array<std::uint8_t, 3> colour);

}  // namespace karyon
