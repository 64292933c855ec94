// The formulas of kernels/distort.h.
// Invariant: places in doubles, which hold them exactly; of the channels of noise, 0 and 1 share a radius.
#pragma once

#include <algorithm>

#include "kernels/distort.h"
#include "kernels/philox.h"
#include "tests/reference/array.h"

namespace karyon::reference {

struct Place {
  double row, column;
};

inline Place distorted_place(int row, int column, int h, int w, int flip, const Distortion& d) {
  const double zoomed = static_cast<double>(d.step) / kWholeStep;
  double r = (flip & 2) != 0 ? h - 1 - row : row, c = (flip & 1) != 0 ? w - 1 - column : column;
  if (d.transposed != 0) std::swap(r, c);
  const double r0 = (h - 1) / 2.0, c0 = (w - 1) / 2.0;
  return {r0 + (r - r0) * zoomed, c0 + (c - c0) * zoomed};
}

/// c b a | a b c | c b a
inline int mirrored(int at, int size) {
  while (at < 0 || at >= size) at = at < 0 ? -1 - at : 2 * size - 1 - at;
  return at;
}

inline double nearest(const Array& images, int image, const Place& place, int ch) {
  return images.at(image, mirrored(static_cast<int>(std::floor(place.row + 0.5)), images.shape[1]),
                   mirrored(static_cast<int>(std::floor(place.column + 0.5)), images.shape[2]), ch);
}

inline double bilinear(const Array& images, int image, const Place& place, int ch) {
  const double row = std::floor(place.row), column = std::floor(place.column);
  double sum = 0;
  for (const int down : {0, 1}) {
    for (const int right : {0, 1}) {
      const double share = (down != 0 ? place.row - row : row + 1 - place.row) *
                           (right != 0 ? place.column - column : column + 1 - place.column);
      sum += share * images.at(image, mirrored(static_cast<int>(row) + down, images.shape[1]),
                               mirrored(static_cast<int>(column) + right, images.shape[2]), ch);
    }
  }
  return sum;
}

/// Standard normal, of pixel row * w + column.
inline double noise_of(const Distortion& d, std::uint32_t pixel, int ch) {
  const auto random = philox4x32({pixel, 0, 0, 0}, {d.key[0], d.key[1]});
  const auto uniform = [&](std::size_t i) { return (static_cast<double>(random[i] >> 8) + 1) * 0x1p-24; };
  const double radius = std::sqrt(-2 * std::log(uniform(ch < 2 ? 0 : 2)));
  const double angle = 2 * 3.14159265358979323846 * uniform(ch < 2 ? 1 : 3);
  return radius * (ch == 1 ? std::sin(angle) : std::cos(angle));
}

/// The byte with everything done to it, in 0..255.
inline double distorted(const Array& images, int image, int row, int column, int ch, int flip, const Distortion& d) {
  const Place place = distorted_place(row, column, images.shape[1], images.shape[2], flip, d);
  const auto pixel = static_cast<std::uint32_t>(row * images.shape[2] + column);
  const double value = bilinear(images, image, place, ch) * static_cast<double>(d.gain[ch]) +
                       static_cast<double>(d.shift) + static_cast<double>(d.noise) * noise_of(d, pixel, ch);
  return std::clamp(value, 0.0, 255.0);
}

}  // namespace karyon::reference
