// What the network is taught about a picture's nuclei: a class for every pixel.
// Invariant: every pixel of a nucleus has a class other than 0, every nucleus has an interior, and interiors of
// different nuclei do not touch, so that the interiors alone tell touching nuclei apart.
#pragma once

#include <cstdint>
#include <span>

namespace karyon {

/// nuclei: height * width, 0 background, else the nucleus. classes 2: 0 background, 1 nucleus. classes 3: 0 background,
/// 1 interior, 2 border: what of a nucleus lies within two pixels (of eight neighbours each) of anything else; the
/// picture's own edge is nothing. A nucleus that would be all border has a border of one pixel, or else none. `to`
/// takes height * width bytes.
void class_labels(std::span<const std::uint32_t> nuclei, int height, int width, int classes, std::uint8_t* to);

}  // namespace karyon
