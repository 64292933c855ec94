// CPU twin of resize.h. Invariant: positions are computed once a row and a column, in one place and in float, so that
// every pixel of a row sees the same weights as TensorFlow's.
#include "kernels/resize.h"

#include <cmath>

#include "kernels/check.h"
#include "kernels/parallel.h"

namespace karyon::cpu {
namespace {

struct Tap {
  int lower, upper;
  float weight;  // of upper
};

void bilinear_taps(int in, int out, Tap* taps) {
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  for (int i = 0; i < out; ++i) {
    const float position = (static_cast<float>(i) + 0.5F) * scale - 0.5F;
    const float floor = std::floor(position);
    const int upper = std::min(static_cast<int>(std::ceil(position)), in - 1);
    taps[i] = {std::min(std::max(static_cast<int>(floor), 0), upper), upper, position - floor};
  }
}

void nearest_positions(int in, int out, int* positions) {
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  for (int i = 0; i < out; ++i) {
    positions[i] = std::min(static_cast<int>(std::floor((static_cast<float>(i) + 0.5F) * scale)), in - 1);
  }
}

void put(float value, float& to) { to = value; }
void put(float value, std::uint8_t& to) { to = static_cast<std::uint8_t>(std::floor(value + 0.5F)); }

/// One row; `count` channels, or y.c where that is 0.
template <int count, class T>
[[gnu::always_inline]] inline void blend_row(View<const T> top, View<const T> bottom, float weight, const Tap* taps,
                                             View<T> y) {
  const int channels = count != 0 ? count : y.c;
  for (int q = 0; q < y.w; ++q) {
    const Tap tap = taps[q];
    const T *top_lower = top.pixel(tap.lower), *top_upper = top.pixel(tap.upper);
    const T *bottom_lower = bottom.pixel(tap.lower), *bottom_upper = bottom.pixel(tap.upper);
    T* out = y.pixel(q);
    for (int ch = 0; ch < channels; ++ch) {
      const auto above_lower = static_cast<float>(top_lower[ch]), above_upper = static_cast<float>(top_upper[ch]);
      const auto below_lower = static_cast<float>(bottom_lower[ch]), below_upper = static_cast<float>(bottom_upper[ch]);
      const float above = above_lower + (above_upper - above_lower) * tap.weight;
      const float below = below_lower + (below_upper - below_lower) * tap.weight;
      put(above + (below - above) * weight, out[ch]);
    }
  }
}

KARYON_CLONES void bilinear_row(ConstFloatView top, ConstFloatView bottom, float weight, const Tap* taps, FloatView y) {
  switch (y.c) {
    case 1:
      return blend_row<1>(top, bottom, weight, taps, y);
    case 2:
      return blend_row<2>(top, bottom, weight, taps, y);
    case 3:
      return blend_row<3>(top, bottom, weight, taps, y);
    default:
      return blend_row<0>(top, bottom, weight, taps, y);
  }
}

KARYON_CLONES void bilinear_row(View<const std::uint8_t> top, View<const std::uint8_t> bottom, float weight,
                                const Tap* taps, View<std::uint8_t> y) {
  return y.c == 3 ? blend_row<3>(top, bottom, weight, taps, y) : blend_row<0>(top, bottom, weight, taps, y);
}

template <class T>
View<T> row_of(View<T> image, int n, int row) {
  return {image.at(n, row, 0), 1, 1, image.w, image.c, image.pitch};
}

template <class T>
void bilinear(Stream& stream, View<const T> x, View<T> y) {
  KARYON_CHECK(x.n == y.n && x.c == y.c && x.size() > 0 && y.size() > 0, "equal n and c, no empty image");
  Tap* rows = stream.workspace<Tap>(std::int64_t{y.h} + y.w);
  Tap* columns = rows + y.h;
  bilinear_taps(x.h, y.h, rows);
  bilinear_taps(x.w, y.w, columns);
  parallel_ranges(stream, std::int64_t{y.n} * y.h, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const int n = static_cast<int>(i / y.h), p = static_cast<int>(i % y.h);
      bilinear_row(row_of(x, n, rows[p].lower), row_of(x, n, rows[p].upper), rows[p].weight, columns, row_of(y, n, p));
    }
  });
}

}  // namespace

void resize_bilinear(Stream& stream, ConstFloatView x, FloatView y) { bilinear<float>(stream, x, y); }

void resize_bilinear(Stream& stream, View<const std::uint8_t> x, View<std::uint8_t> y) {
  bilinear<std::uint8_t>(stream, x, y);
}

void resize_nearest(Stream& stream, View<const std::uint8_t> x, View<std::uint8_t> y) {
  KARYON_CHECK(x.n == y.n && x.c == y.c && x.size() > 0 && y.size() > 0, "equal n and c, no empty image");
  int* rows = stream.workspace<int>(std::int64_t{y.h} + y.w);
  int* columns = rows + y.h;
  nearest_positions(x.h, y.h, rows);
  nearest_positions(x.w, y.w, columns);
  parallel_ranges(stream, std::int64_t{y.n} * y.h, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const int n = static_cast<int>(i / y.h), p = static_cast<int>(i % y.h);
      for (int q = 0; q < y.w; ++q) {
        const std::uint8_t* from = x.at(n, rows[p], columns[q]);
        std::copy(from, from + y.c, y.at(n, p, q));
      }
    }
  });
}

}  // namespace karyon::cpu
