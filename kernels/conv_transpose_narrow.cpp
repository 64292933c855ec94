#include "kernels/conv_transpose_narrow.h"

#include <algorithm>

#include "kernels/instruction_set.h"
#include "kernels/panel_product.h"
#include "kernels/parallel.h"

namespace karyon {

namespace {

/// `vectors` vectors of channels of `count` columns, all in registers.
template <class L, int count, int vectors>
KARYON_INLINE void weight_block(const float* gathered, int columns, const float* x, std::ptrdiff_t pitch,
                                std::int64_t pixels, int channels, float* sums) {
  using Vec = typename L::Vec;
  constexpr int kLanes = L::kCount;
  Vec total[count][vectors];
  for (int t = 0; t < count; ++t) {
    for (int v = 0; v < vectors; ++v) {
      total[t][v] = KARYON_AT(L, sums + static_cast<std::ptrdiff_t>(t) * channels + v * kLanes);
    }
  }
  for (std::int64_t i = 0; i < pixels; ++i) {
    Vec value[vectors];
    for (int v = 0; v < vectors; ++v) value[v] = KARYON_AT(L, x + i * pitch + v * kLanes);
    for (int t = 0; t < count; ++t) {
      for (int v = 0; v < vectors; ++v) total[t][v] += gathered[i * columns + t] * value[v];
    }
  }
  for (int t = 0; t < count; ++t) {
    for (int v = 0; v < vectors; ++v) {
      KARYON_AT(L, sums + static_cast<std::ptrdiff_t>(t) * channels + v * kLanes) = total[t][v];
    }
  }
}

/// All columns of `vectors` vectors of channels; nine columns at a time leave the registers that a line needs.
template <class L, int vectors>
KARYON_INLINE void weight_columns(const float* gathered, int columns, const float* x, std::ptrdiff_t pitch,
                                  std::int64_t pixels, int channels, float* sums) {
  int t = 0;
  for (; t + 9 <= columns; t += 9) {
    weight_block<L, 9, vectors>(gathered + t, columns, x, pitch, pixels, channels,
                                sums + static_cast<std::ptrdiff_t>(t) * channels);
  }
  for (; t < columns; ++t) {
    weight_block<L, 1, vectors>(gathered + t, columns, x, pitch, pixels, channels,
                                sums + static_cast<std::ptrdiff_t>(t) * channels);
  }
}

template <class L>
KARYON_INLINE void narrow_weight_sums_with(const float* gathered, int columns, const float* x, std::ptrdiff_t pitch,
                                           std::int64_t pixels, int channels, float* sums) {
  constexpr int kLanes = L::kCount, kVectors = kLanes == 16 ? 2 : 1;  // AVX-512 has twice the registers
  int c = 0;
  for (; c + kVectors * kLanes <= channels; c += kVectors * kLanes) {
    weight_columns<L, kVectors>(gathered, columns, x + c, pitch, pixels, channels, sums + c);
  }
  for (; c + kLanes <= channels; c += kLanes) {
    weight_columns<L, 1>(gathered, columns, x + c, pitch, pixels, channels, sums + c);
  }
  for (; c < channels; ++c) {
    for (int t = 0; t < columns; ++t) {
      float total = sums[static_cast<std::ptrdiff_t>(t) * channels + c];
      for (std::int64_t i = 0; i < pixels; ++i) total += gathered[i * columns + t] * x[i * pitch + c];
      sums[static_cast<std::ptrdiff_t>(t) * channels + c] = total;
    }
  }
}

}  // namespace

void pack_narrow(const float* kernel, int channels, int columns, float* packed) {
  std::fill_n(packed, std::int64_t{channels} * kNarrowColumns, 0.0F);
  for (int t = 0; t < columns; ++t) {
    float* panel = packed + static_cast<std::ptrdiff_t>(t / kPanel) * channels * kPanel + t % kPanel;
    for (int c = 0; c < channels; ++c) panel[c * kPanel] = kernel[static_cast<std::ptrdiff_t>(t) * channels + c];
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

KARYON_VERSIONS(narrow_weight_sums,
                (const float* gathered, int columns, const float* x, std::ptrdiff_t pitch, std::int64_t pixels,
                 int channels, float* sums),
                (gathered, columns, x, pitch, pixels, channels, sums))

}  // namespace karyon
