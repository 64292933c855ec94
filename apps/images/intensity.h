// From what a file holds to the 8 bits that the network sees.
// Invariant: one rule for every channel of a picture, so colours keep their proportions; the same file gives the same
// bytes always.
#pragma once

#include <cstdint>
#include <vector>

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

/// A picture as its file holds it, seen as RGB of 8 bits, grey replicated. Nothing but the file's own samples is kept.
class EightBits {
 public:
  EightBits(RawPicture raw, Normalise how);

  [[nodiscard]] const RawPicture& raw() const { return raw_; }
  [[nodiscard]] int width() const { return raw_.width; }
  [[nodiscard]] int height() const { return raw_.height; }

  /// The window whose upper left corner is (x, y), which may lie beyond the borders on every side: there the picture is
  /// mirrored without repeating its edge, again and again where that is needed (numpy's pad with mode 'reflect'); a
  /// single row or column is replicated. `to` takes h * w * 3 bytes, RGB.
  void window_rgb(int x, int y, int w, int h, std::uint8_t* to) const;
  /// All of it.
  [[nodiscard]] Picture rgb() const;

 private:
  RawPicture raw_;
  std::vector<std::uint8_t> table_;  // what each value becomes
};

}  // namespace karyon
