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

/// One row; C channels, or `channels` where C is 0.
template <int C>
[[gnu::always_inline]] inline void blend_row(ConstFloatView top, ConstFloatView bottom, float weight, const Tap* taps,
                                             FloatView y) {
  const int channels = C != 0 ? C : y.c;
  for (int q = 0; q < y.w; ++q) {
    const Tap tap = taps[q];
    const float *top_lower = top.pixel(tap.lower), *top_upper = top.pixel(tap.upper);
    const float *bottom_lower = bottom.pixel(tap.lower), *bottom_upper = bottom.pixel(tap.upper);
    float* out = y.pixel(q);
    for (int ch = 0; ch < channels; ++ch) {
      const float above = top_lower[ch] + (top_upper[ch] - top_lower[ch]) * tap.weight;
      const float below = bottom_lower[ch] + (bottom_upper[ch] - bottom_lower[ch]) * tap.weight;
      out[ch] = above + (below - above) * weight;
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

template <class T>
View<T> row_of(View<T> image, int n, int row) {
  return {image.at(n, row, 0), 1, 1, image.w, image.c, image.pitch};
}

}  // namespace

void resize_bilinear(Stream& stream, ConstFloatView x, FloatView y) {
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
