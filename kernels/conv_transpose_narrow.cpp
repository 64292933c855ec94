#include "kernels/conv_transpose_narrow.h"

#include <algorithm>

#include "kernels/parallel.h"
#include "kernels/simd.h"

namespace karyon {

namespace {

constexpr int kPixels = 8;  // pixels whose two vectors each stay in registers

template <int count>
KARYON_INLINE void columns_of(const float* x, std::ptrdiff_t pitch, int channels, const float* packed, bool accumulate,
                              float* columns) {
  Vec16 low[count], high[count];
  for (int p = 0; p < count; ++p) {
    low[p] = high[p] = Vec16{};
    if (accumulate) {
      low[p] = KARYON_LOAD16(columns + p * kNarrowColumns);
      high[p] = KARYON_LOAD16(columns + p * kNarrowColumns + kLanes);
    }
  }
  for (int begin = 0; begin < channels; begin += kLanes) {
    // The next pixels' channels: eight short rows at once are more than the hardware foresees.
    for (int p = 0; p < count; ++p) __builtin_prefetch(x + (count + p) * pitch + begin);
    const int end = std::min(begin + kLanes, channels);
    for (int c = begin; c < end; ++c) {
      const Vec16 k0 = KARYON_LOAD16(packed + c * kNarrowColumns);
      const Vec16 k1 = KARYON_LOAD16(packed + c * kNarrowColumns + kLanes);
      for (int p = 0; p < count; ++p) {
        low[p] += x[p * pitch + c] * k0;
        high[p] += x[p * pitch + c] * k1;
      }
    }
  }
  for (int p = 0; p < count; ++p) {
    KARYON_STORE16(columns + p * kNarrowColumns, low[p]);
    KARYON_STORE16(columns + p * kNarrowColumns + kLanes, high[p]);
  }
}

/// `vectors` times sixteen channels of `count` columns (at most 16, or the compiler keeps the sums in memory).
template <int count, int vectors>
KARYON_INLINE void weight_block(const float* gathered, int columns, const float* x, std::ptrdiff_t pitch,
                                std::int64_t pixels, int channels, float* sums) {
  Vec16 total[count][vectors];
  for (int t = 0; t < count; ++t) {
    for (int v = 0; v < vectors; ++v) {
      total[t][v] = KARYON_LOAD16(sums + static_cast<std::ptrdiff_t>(t) * channels + v * kLanes);
    }
  }
  for (std::int64_t i = 0; i < pixels; ++i) {
    Vec16 value[vectors];
    for (int v = 0; v < vectors; ++v) value[v] = KARYON_LOAD16(x + i * pitch + v * kLanes);
    for (int t = 0; t < count; ++t) {
      for (int v = 0; v < vectors; ++v) total[t][v] += gathered[i * columns + t] * value[v];
    }
  }
  for (int t = 0; t < count; ++t) {
    for (int v = 0; v < vectors; ++v) {
      KARYON_STORE16(sums + static_cast<std::ptrdiff_t>(t) * channels + v * kLanes, total[t][v]);
    }
  }
}

/// All columns of `vectors` times sixteen channels.
template <int vectors>
KARYON_INLINE void weight_columns(const float* gathered, int columns, const float* x, std::ptrdiff_t pitch,
                                  std::int64_t pixels, int channels, float* sums) {
  int t = 0;
  for (; t + 9 <= columns; t += 9) {
    weight_block<9, vectors>(gathered + t, columns, x, pitch, pixels, channels,
                             sums + static_cast<std::ptrdiff_t>(t) * channels);
  }
  for (; t < columns; ++t) {
    weight_block<1, vectors>(gathered + t, columns, x, pitch, pixels, channels,
                             sums + static_cast<std::ptrdiff_t>(t) * channels);
  }
}

}  // namespace

void pack_narrow(const float* kernel, int kernel_channels, int channel_begin, int channels, int columns,
                 float* packed) {
  std::fill_n(packed, narrow_packed_size(channels), 0.0F);
  for (int t = 0; t < columns; ++t) {
    const float* row = kernel + static_cast<std::ptrdiff_t>(t) * kernel_channels + channel_begin;
    for (int c = 0; c < channels; ++c) packed[c * kNarrowColumns + t] = row[c];
  }
}

KARYON_CLONES void narrow_columns(const float* x, std::ptrdiff_t pitch, std::int64_t pixels, int channels,
                                  const float* packed, bool accumulate, float* columns) {
  std::int64_t i = 0;
  for (; i + kPixels <= pixels; i += kPixels) {
    columns_of<kPixels>(x + i * pitch, pitch, channels, packed, accumulate, columns + i * kNarrowColumns);
  }
  for (; i < pixels; ++i) {
    columns_of<1>(x + i * pitch, pitch, channels, packed, accumulate, columns + i * kNarrowColumns);
  }
}

KARYON_CLONES void narrow_scatter_row(const float* columns, int in_w, int kernel_w, int stride, int crop, int out_w,
                                      int channels, float* out) {
  for (int j = 0; j < in_w; ++j) {
    const int first = j * stride - crop;
    const int begin = std::max(0, -first), end = std::min(kernel_w, out_w - first);
    const float* from = columns + static_cast<std::ptrdiff_t>(j) * kNarrowColumns;
    float* to = out + static_cast<std::ptrdiff_t>(first) * channels;
    for (int e = begin * channels; e < end * channels; ++e) to[e] += from[e];
  }
}

KARYON_CLONES void narrow_weight_sums(const float* gathered, int columns, const float* x, std::ptrdiff_t pitch,
                                      std::int64_t pixels, int channels, float* sums) {
  int c = 0;
  for (; c + 2 * kLanes <= channels; c += 2 * kLanes) {
    weight_columns<2>(gathered, columns, x + c, pitch, pixels, channels, sums + c);
  }
  for (; c + kLanes <= channels; c += kLanes) {
    weight_columns<1>(gathered, columns, x + c, pitch, pixels, channels, sums + c);
  }
  for (; c < channels; ++c) {
    for (int t = 0; t < columns; ++t) {
      float total = sums[static_cast<std::ptrdiff_t>(t) * channels + c];
      for (std::int64_t i = 0; i < pixels; ++i) total += gathered[i * columns + t] * x[i * pitch + c];
      sums[static_cast<std::ptrdiff_t>(t) * channels + c] = total;
    }
  }
}

}  // namespace karyon
