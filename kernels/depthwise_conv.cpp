// Depthwise convolution on the CPU.
// Invariant: work is cut into output rows (forward, data gradient) or fixed groups of rows (weight gradient, merged in
// order), and inside into vectors of channels whose kernel stays in registers. A row outside the image is a row
// of zeros, so only the columns at the sides check their taps.
#include "kernels/depthwise_conv.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/check.h"
#include "kernels/instruction_set.h"
#include "kernels/parallel.h"

namespace karyon {

namespace {

constexpr int kRowsInGroup = 64;  // output rows whose weight gradients are summed before they are merged

/// Everything one output row needs. rows[r] is the input row under kernel row r, or zeros.
struct Row {
  const float* const* rows;
  const float* kernel;  // [kh, kw, c]
  const float* bias;    // [c] or null
  float* out;
  std::ptrdiff_t in_pitch, out_pitch;
  int in_w, out_w, channels;
};

template <Activation act, class L>
KARYON_INLINE void store(float* out, const typename L::Vec& sum) {
  using Vec = typename L::Vec;
  const Vec zero = {};
  Vec value = sum;
  if constexpr (act != Activation::none) value = value > zero ? value : zero;
  if constexpr (act == Activation::relu6) {
    const Vec six = zero + 6.0F;
    value = value < six ? value : six;
  }
  KARYON_AT(L, out) = value;
}

/// One output pixel, any kernel, checking each tap's column.
template <Activation act>
KARYON_INLINE void pixel_checked(const Row& a, const ConvGeometry& g, int q) {
  const int first = q * g.stride_w - g.pad.left;
  const int s_begin = std::max(0, -first), s_end = std::min(g.kernel_w, a.in_w - first);
  float* out = a.out + q * a.out_pitch;
  for (int c = 0; c < a.channels; ++c) out[c] = a.bias != nullptr ? a.bias[c] : 0.0F;
  for (int r = 0; r < g.kernel_h; ++r) {
    for (int s = s_begin; s < s_end; ++s) {
      const float* x = a.rows[r] + (first + s) * a.in_pitch;
      const float* k = a.kernel + static_cast<std::ptrdiff_t>(r * g.kernel_w + s) * a.channels;
      for (int c = 0; c < a.channels; ++c) out[c] += x[c] * k[c];
    }
  }
  for (int c = 0; c < a.channels; ++c) out[c] = activate<act>(out[c]);
}

/// Columns [begin, end), whose taps all lie inside, of a 3x3 kernel; channels in vectors, the rest one by one.
template <Activation act, class L>
KARYON_INLINE void interior_3x3(const Row& a, int stride, int pad_left, int begin, int end) {
  int c = 0;
  for (; c + L::kCount <= a.channels; c += L::kCount) {
    using Vec = typename L::Vec;
    Vec k[9];
    for (int t = 0; t < 9; ++t) k[t] = KARYON_AT(L, a.kernel + static_cast<std::ptrdiff_t>(t) * a.channels + c);
    Vec bias = {};
    if (a.bias != nullptr) bias = KARYON_AT(L, a.bias + c);
    const std::ptrdiff_t p = a.in_pitch;
    for (int q = begin; q < end; ++q) {
      const std::ptrdiff_t at = (q * stride - pad_left) * p + c;
      const float *x0 = a.rows[0] + at, *x1 = a.rows[1] + at, *x2 = a.rows[2] + at;
      Vec s0 = bias + KARYON_AT(L, x0) * k[0];
      Vec s1 = KARYON_AT(L, x0 + p) * k[1];
      Vec s2 = KARYON_AT(L, x0 + 2 * p) * k[2];
      s0 += KARYON_AT(L, x1) * k[3];
      s1 += KARYON_AT(L, x1 + p) * k[4];
      s2 += KARYON_AT(L, x1 + 2 * p) * k[5];
      s0 += KARYON_AT(L, x2) * k[6];
      s1 += KARYON_AT(L, x2 + p) * k[7];
      s2 += KARYON_AT(L, x2 + 2 * p) * k[8];
      store<act, L>(a.out + q * a.out_pitch + c, s0 + s1 + s2);
    }
  }
  for (; c < a.channels; ++c) {
    for (int q = begin; q < end; ++q) {
      float sum = a.bias != nullptr ? a.bias[c] : 0.0F;
      for (int r = 0; r < 3; ++r) {
        for (int s = 0; s < 3; ++s) {
          sum += a.rows[r][(q * stride - pad_left + s) * a.in_pitch + c] *
                 a.kernel[static_cast<std::ptrdiff_t>(r * 3 + s) * a.channels + c];
        }
      }
      a.out[q * a.out_pitch + c] = activate<act>(sum);
    }
  }
}

template <Activation act, class L>
KARYON_INLINE void forward_row_as(const Row& a, const ConvGeometry& g) {
  int begin = a.out_w, end = a.out_w;  // columns inside
  if (g.kernel_h == 3 && g.kernel_w == 3) {
    begin = std::min(a.out_w, std::max(0, (g.pad.left + g.stride_w - 1) / g.stride_w));
    end = a.in_w - 3 + g.pad.left < 0 ? 0 : (a.in_w - 3 + g.pad.left) / g.stride_w + 1;
    end = std::max(begin, std::min(end, a.out_w));
    interior_3x3<act, L>(a, g.stride_w, g.pad.left, begin, end);
  }
  for (int q = 0; q < begin; ++q) pixel_checked<act>(a, g, q);
  for (int q = end; q < a.out_w; ++q) pixel_checked<act>(a, g, q);
}

template <class L>
KARYON_INLINE void forward_row_with(const Row& a, const ConvGeometry& g, Activation act) {
  ACTIVATION_SWITCH(act, forward_row_as<kAct, L>(a, g));
}
KARYON_VERSIONS(forward_row, (const Row& a, const ConvGeometry& g, Activation act), (a, g, act))

/// A tap of the data gradient: dx[j] += dy[q] k[tap].
struct Tap {
  const float *dy, *kernel;
};

/// out[c] = sum over taps.
KARYON_CLONES void gradient_pixel(const Tap* taps, int count, int channels, float* out) {
  for (int c = 0; c < channels; ++c) out[c] = 0.0F;
  for (int t = 0; t < count; ++t) {
    const float *dy = taps[t].dy, *k = taps[t].kernel;
    for (int c = 0; c < channels; ++c) out[c] += dy[c] * k[c];
  }
}

/// dkernel[r][s][c] += sum over the row's pixels of x * dy; rows as in forward_row, dy the row of output gradients.
template <class L>
KARYON_INLINE void weight_row_with(const float* const* rows, const float* dy, std::ptrdiff_t in_pitch,
                                   std::ptrdiff_t dy_pitch, int in_w, int out_w, int channels, const ConvGeometry& g,
                                   float* dkernel) {
  for (int s = 0; s < g.kernel_w; ++s) {
    // Columns q whose tap s lies inside.
    int begin = (g.pad.left - s + g.stride_w - 1) / g.stride_w;
    begin = g.pad.left - s <= 0 ? 0 : begin;
    const int last = in_w - 1 + g.pad.left - s;
    const int end = last < 0 ? 0 : std::min(out_w, last / g.stride_w + 1);
    for (int r = 0; r < g.kernel_h; ++r) {
      float* sum = dkernel + static_cast<std::ptrdiff_t>(r * g.kernel_w + s) * channels;
      int c = 0;
      for (; c + L::kCount <= channels; c += L::kCount) {
        typename L::Vec total = KARYON_AT(L, sum + c);
        for (int q = begin; q < end; ++q) {
          total += KARYON_AT(L, dy + q * dy_pitch + c) *
                   KARYON_AT(L, rows[r] + (q * g.stride_w - g.pad.left + s) * in_pitch + c);
        }
        KARYON_AT(L, sum + c) = total;
      }
      for (; c < channels; ++c) {
        for (int q = begin; q < end; ++q) {
          sum[c] += dy[q * dy_pitch + c] * rows[r][(q * g.stride_w - g.pad.left + s) * in_pitch + c];
        }
      }
    }
  }
}
KARYON_VERSIONS(weight_row,
                (const float* const* rows, const float* dy, std::ptrdiff_t in_pitch, std::ptrdiff_t dy_pitch, int in_w,
                 int out_w, int channels, const ConvGeometry& g, float* dkernel),
                (rows, dy, in_pitch, dy_pitch, in_w, out_w, channels, g, dkernel))

void check_shapes(const ConstFloatView& x, const ConstFloatView& y, const ConvGeometry& g) {
  KARYON_CHECK(x.n == y.n && x.c == y.c && y.h == g.out_h(x.h) && y.w == g.out_w(x.w),
               "a depthwise convolution's output has another size than its geometry gives");
}

/// The input rows under output row p of image n, `zeros` where outside.
void input_rows(const ConstFloatView& x, const ConvGeometry& g, int n, int p, const float* zeros,
                std::vector<const float*>& rows) {
  for (int r = 0; r < g.kernel_h; ++r) {
    const int i = p * g.stride_h - g.pad.top + r;
    rows[static_cast<std::size_t>(r)] = i >= 0 && i < x.h ? x.at(n, i, 0) : zeros;
  }
}

/// A row of zeros as wide as x's, with room for `behind` floats behind it.
float* zero_row(Stream& stream, const ConstFloatView& x, std::int64_t behind) {
  const std::int64_t count = x.w * static_cast<std::int64_t>(x.pitch);
  auto* zeros = stream.workspace<float>(count + behind);
  std::memset(zeros, 0, static_cast<std::size_t>(count) * sizeof(float));
  return zeros;
}

}  // namespace

namespace cpu {

void depthwise_conv_forward(Stream& stream, ConstFloatView x, const float* kernel, const float* bias, Activation act,
                            const ConvGeometry& geometry, FloatView y) {
  check_shapes(x, y, geometry);
  const float* zeros = zero_row(stream, x, 0);
  parallel_ranges(stream, std::int64_t{y.n} * y.h, [&](std::int64_t begin, std::int64_t end) {
    std::vector<const float*> rows(static_cast<std::size_t>(geometry.kernel_h));
    for (std::int64_t t = begin; t < end; ++t) {
      const int n = static_cast<int>(t / y.h), p = static_cast<int>(t % y.h);
      input_rows(x, geometry, n, p, zeros, rows);
      forward_row({rows.data(), kernel, bias, y.at(n, p, 0), x.pitch, y.pitch, x.w, y.w, y.c}, geometry, act);
    }
  });
}

void depthwise_conv_backward_data(Stream& stream, ConstFloatView dy, const float* kernel, const ConvGeometry& geometry,
                                  FloatView dx) {
  const ConvGeometry& g = geometry;
  check_shapes(dx, dy, g);
  parallel_ranges(stream, std::int64_t{dx.n} * dx.h, [&](std::int64_t begin, std::int64_t end) {
    std::vector<Tap> taps(static_cast<std::size_t>(g.kernel_h) * static_cast<std::size_t>(g.kernel_w));
    for (std::int64_t t = begin; t < end; ++t) {
      const int n = static_cast<int>(t / dx.h), i = static_cast<int>(t % dx.h);
      for (int j = 0; j < dx.w; ++j) {
        int count = 0;
        for (int r = 0; r < g.kernel_h; ++r) {
          const int p = i + g.pad.top - r;
          if (p < 0 || p % g.stride_h != 0 || p / g.stride_h >= dy.h) continue;
          for (int s = 0; s < g.kernel_w; ++s) {
            const int q = j + g.pad.left - s;
            if (q < 0 || q % g.stride_w != 0 || q / g.stride_w >= dy.w) continue;
            taps[static_cast<std::size_t>(count++)] = {dy.at(n, p / g.stride_h, q / g.stride_w),
                                                       kernel + static_cast<std::ptrdiff_t>(r * g.kernel_w + s) * dx.c};
          }
        }
        gradient_pixel(taps.data(), count, dx.c, dx.at(n, i, j));
      }
    }
  });
}

void depthwise_conv_backward_weight(Stream& stream, ConstFloatView x, ConstFloatView dy, const ConvGeometry& geometry,
                                    float* dkernel, float* dbias) {
  const ConvGeometry& g = geometry;
  check_shapes(x, dy, g);
  const std::int64_t taps = std::int64_t{g.kernel_h} * g.kernel_w;
  const std::int64_t width = (taps + 1) * x.c;  // the kernel's gradient and the bias's
  const std::int64_t all_rows = std::int64_t{dy.n} * dy.h, groups = (all_rows + kRowsInGroup - 1) / kRowsInGroup;
  float* zeros = zero_row(stream, x, groups * width);
  float* partial = zeros + x.w * static_cast<std::int64_t>(x.pitch);
  parallel_ranges(stream, groups, [&](std::int64_t begin, std::int64_t end) {
    std::vector<const float*> rows(static_cast<std::size_t>(g.kernel_h));
    for (std::int64_t group = begin; group < end; ++group) {
      float* sums = partial + group * width;
      std::memset(sums, 0, static_cast<std::size_t>(width) * sizeof(float));
      for (std::int64_t t = group * kRowsInGroup; t < std::min(all_rows, (group + 1) * kRowsInGroup); ++t) {
        const int n = static_cast<int>(t / dy.h), p = static_cast<int>(t % dy.h);
        input_rows(x, g, n, p, zeros, rows);
        weight_row(rows.data(), dy.at(n, p, 0), x.pitch, dy.pitch, x.w, dy.w, x.c, g, sums);
        if (dbias == nullptr) continue;
        for (int q = 0; q < dy.w; ++q) {
          const float* d = dy.at(n, p, q);
          for (int c = 0; c < x.c; ++c) sums[taps * x.c + c] += d[c];
        }
      }
    }
  });
  parallel_ranges(stream, width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t e = begin; e < end; ++e) {
      double sum = 0;
      for (std::int64_t group = 0; group < groups; ++group) sum += static_cast<double>(partial[group * width + e]);
      if (e < taps * x.c) {
        dkernel[e] = static_cast<float>(sum);
      } else if (dbias != nullptr) {
        dbias[e - taps * x.c] = static_cast<float>(sum);
      }
    }
  });
}

}  // namespace cpu

}  // namespace karyon
