// Where a pixel of a distorted image comes from. Internal to kernels/distort.cpp and .cu.
// Invariant: the first step of kernels/distort.h, written down once for both devices, in integers: half 65536ths of a
// pixel, because the centre of an even number of pixels lies between two.
#pragma once

#include <cstdint>

#include "kernels/distort.h"

namespace karyon {

/// A place along one axis, between the pixels `low` and `low` + 1, `share` of the way to the latter.
struct AxisPlace {
  int low, high, nearest;
  float share;
};

/// Position `at` on an axis of `size` pixels, mirrored back at its ends as often as it takes.
constexpr int reflected(std::int64_t at, int size) {
  if (at >= 0 && at < size) return static_cast<int>(at);  // nearly always, and a division less
  const std::int64_t period = 2 * std::int64_t{size}, rest = at % period;
  const std::int64_t within = rest < 0 ? rest + period : rest;
  return static_cast<int>(within < size ? within : period - 1 - within);
}

constexpr AxisPlace axis_place(int at, int size, std::int32_t step) {
  constexpr std::int64_t kPixel = 2 * std::int64_t{kWholeStep};
  const std::int64_t centre = size - 1;  // twice
  const std::int64_t place = centre * kWholeStep + (2 * std::int64_t{at} - centre) * step;
  const std::int64_t low = place >= 0 ? place / kPixel : -((kPixel - 1 - place) / kPixel), part = place - low * kPixel;
  return {reflected(low, size), reflected(low + 1, size), reflected(part >= kWholeStep ? low + 1 : low, size),
          static_cast<float>(part) / static_cast<float>(kPixel)};
}

struct SourcePlace {
  AxisPlace row, column;
};

/// Of pixel (p, q) of an image of h x w. flip bit 1 mirrors left-right, bit 2 up-down.
constexpr SourcePlace source_place(int p, int q, int h, int w, int flip, const Distortion& d) {
  const int row = (flip & 2) != 0 ? h - 1 - p : p, column = (flip & 1) != 0 ? w - 1 - q : q;
  return d.transposed != 0 ? SourcePlace{axis_place(column, h, d.step), axis_place(row, w, d.step)}
                           : SourcePlace{axis_place(row, h, d.step), axis_place(column, w, d.step)};
}

/// The byte of channel `channel` of `channels` at a place, bilinear.
constexpr float byte_at(const std::uint8_t* image, int w, int channels, int channel, const SourcePlace& place) {
  const auto byte = [&](int row, int column) {
    return static_cast<float>(image[(std::int64_t{row} * w + column) * channels + channel]);
  };
  const AxisPlace &r = place.row, &c = place.column;
  const float above = byte(r.low, c.low) + c.share * (byte(r.low, c.high) - byte(r.low, c.low));
  const float below = byte(r.high, c.low) + c.share * (byte(r.high, c.high) - byte(r.high, c.low));
  return above + r.share * (below - above);
}

}  // namespace karyon
