// From what a file holds to the 8 bits that the network sees.
// Invariant: one rule for every channel of a picture, so colours keep their proportions; the same file gives the same
// bytes always.
#pragma once

#include <cstdint>

#include "apps/images/picture.h"
#include "apps/images/raw_picture.h"

namespace karyon {

enum class Normalise {
  plain,       // 8 bits as they are, of 16 the high byte
  percentile,  // the 1st percentile of all samples becomes 0, the 99.8th 255 (StarDist's choice), linear between
};

/// The value that `percent` of all samples lie below: with the samples sorted, the one at percent/100 * (n - 1),
/// interpolated between neighbours, which is numpy's default. Exact, from a histogram.
double percentile(const RawPicture& raw, double percent);

/// The same channels in 8 bits, rounded and clamped. Where both percentiles are equal nothing can be told apart: what
/// is above them becomes 255, the rest 0, so a picture of one value is black.
Picture to_eight_bits(RawPicture raw, Normalise how);

/// The same as RGB; grey is replicated. Of a large grey picture rather keep one channel, and take windows of it.
Picture to_rgb8(RawPicture raw, Normalise how);

/// The window whose upper left corner is (x, y), which may lie beyond the borders on every side: there the picture is
/// mirrored without repeating its edge, again and again where that is needed (numpy's pad with mode 'reflect'); a
/// single row or column is replicated. `to` takes h * w * 3 bytes, RGB; grey is replicated.
void copy_window_rgb(const Picture& picture, int x, int y, int w, int h, std::uint8_t* to);

}  // namespace karyon
