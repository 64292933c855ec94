// Small holes of a shape.
// Invariant: only pixels that the shape encloses are filled, never some that belong to another shape.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace karyon {

/// Fills the holes of the shape (not 0; height * width) that have fewer than `below` pixels: parts of the rest, its
/// pixels connected by sides and corners, that touch no edge of the plane. taken: not 0 where another shape is; a hole
/// with such a pixel stays.
void fill_holes(int width, int height, int below, std::span<const std::uint8_t> taken,
                std::vector<std::uint8_t>& shape);

}  // namespace karyon
