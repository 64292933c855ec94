// Batch norm on the CPU.
// Invariant: statistics come from chunks of a fixed number of pixels, each in two passes while it lies in cache, merged
// in order in double (Chan, Golub and LeVeque 1979): memory is read once, nothing cancels, and the thread count changes
// no bit.
#include "kernels/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/check.h"
#include "kernels/parallel.h"
#include "kernels/simd.h"

namespace karyon {

namespace {

constexpr std::int64_t kChunk = 128;  // pixels

/// mean[c] and m2[c] = sum (x - mean)^2 of `pixels` pixels.
KARYON_CLONES void chunk_moments(const float* x, std::ptrdiff_t pitch, std::int64_t pixels, int channels, float* mean,
                                 float* m2) {
  for (int c = 0; c < channels; ++c) mean[c] = m2[c] = 0.0F;
  for (std::int64_t i = 0; i < pixels; ++i) {
    const float* row = x + i * pitch;
#pragma GCC ivdep
    for (int c = 0; c < channels; ++c) mean[c] += row[c];
  }
  const float inverse = 1.0F / static_cast<float>(pixels);
  for (int c = 0; c < channels; ++c) mean[c] *= inverse;
  for (std::int64_t i = 0; i < pixels; ++i) {
    const float* row = x + i * pitch;
#pragma GCC ivdep
    for (int c = 0; c < channels; ++c) {
      const float d = row[c] - mean[c];
      m2[c] += d * d;
    }
  }
}

template <Activation act>
KARYON_INLINE void scale_rows_as(const float* x, std::ptrdiff_t x_pitch, std::int64_t pixels, int channels,
                                 const float* scale, const float* shift, float* y, std::ptrdiff_t y_pitch) {
  for (std::int64_t i = 0; i < pixels; ++i) {
    const float* in = x + i * x_pitch;
    float* out = y + i * y_pitch;
#pragma GCC ivdep
    for (int c = 0; c < channels; ++c) out[c] = activate<act>(in[c] * scale[c] + shift[c]);
  }
}

/// y = act(x * scale + shift).
KARYON_CLONES void scale_rows(const float* x, std::ptrdiff_t x_pitch, std::int64_t pixels, int channels,
                              const float* scale, const float* shift, Activation act, float* y,
                              std::ptrdiff_t y_pitch) {
  ACTIVATION_SWITCH(act, scale_rows_as<kAct>(x, x_pitch, pixels, channels, scale, shift, y, y_pitch));
}

/// What a channel needs in the backward pass: y before the activation is x * scale + shift, xhat is (x - mean) *
/// inv_std.
struct Channels {
  const float *scale, *shift, *mean, *inv_std;
};

template <Activation act>
KARYON_INLINE void sum_rows_as(const float* dy, std::ptrdiff_t dy_pitch, const float* x, std::ptrdiff_t x_pitch,
                               std::int64_t pixels, int channels, const Channels& ch, float* sum, float* sum_xhat) {
  for (int c = 0; c < channels; ++c) sum[c] = sum_xhat[c] = 0.0F;
  for (std::int64_t i = 0; i < pixels; ++i) {
    const float *g = dy + i * dy_pitch, *in = x + i * x_pitch;
#pragma GCC ivdep
    for (int c = 0; c < channels; ++c) {
      const float d = activation_gradient<act>(g[c], in[c] * ch.scale[c] + ch.shift[c]);
      sum[c] += d;
      sum_xhat[c] += d * ((in[c] - ch.mean[c]) * ch.inv_std[c]);
    }
  }
}

KARYON_CLONES void sum_rows(const float* dy, std::ptrdiff_t dy_pitch, const float* x, std::ptrdiff_t x_pitch,
                            std::int64_t pixels, int channels, const Channels& ch, Activation act, float* sum,
                            float* sum_xhat) {
  ACTIVATION_SWITCH(act, sum_rows_as<kAct>(dy, dy_pitch, x, x_pitch, pixels, channels, ch, sum, sum_xhat));
}

template <Activation act>
KARYON_INLINE void gradient_rows_as(const float* dy, std::ptrdiff_t dy_pitch, const float* x, std::ptrdiff_t x_pitch,
                                    std::int64_t pixels, int channels, const Channels& ch, const float* offset,
                                    const float* slope, float* dx, std::ptrdiff_t dx_pitch) {
  for (std::int64_t i = 0; i < pixels; ++i) {
    const float *g = dy + i * dy_pitch, *in = x + i * x_pitch;
    float* out = dx + i * dx_pitch;
#pragma GCC ivdep
    for (int c = 0; c < channels; ++c) {
      const float d = activation_gradient<act>(g[c], in[c] * ch.scale[c] + ch.shift[c]);
      out[c] = ch.scale[c] * (d - offset[c] - (in[c] - ch.mean[c]) * slope[c]);
    }
  }
}

/// dx = scale * (dy' - offset - (x - mean) * slope).
KARYON_CLONES void gradient_rows(const float* dy, std::ptrdiff_t dy_pitch, const float* x, std::ptrdiff_t x_pitch,
                                 std::int64_t pixels, int channels, const Channels& ch, const float* offset,
                                 const float* slope, Activation act, float* dx, std::ptrdiff_t dx_pitch) {
  ACTIVATION_SWITCH(
      act, gradient_rows_as<kAct>(dy, dy_pitch, x, x_pitch, pixels, channels, ch, offset, slope, dx, dx_pitch));
}

void scale_all(Stream& stream, const ConstFloatView& x, const float* scale, const float* shift, Activation act,
               const FloatView& y) {
  parallel_ranges(stream, x.pixels(), [&](std::int64_t begin, std::int64_t end) {
    scale_rows(x.pixel(begin), x.pitch, end - begin, x.c, scale, shift, act, y.pixel(begin), y.pitch);
  });
}

}  // namespace

namespace cpu {

void batch_norm_forward(Stream& stream, ConstFloatView x, const float* gamma, const float* beta, float epsilon,
                        float momentum, Activation act, FloatView y, float* mean, float* inv_std, float* moving_mean,
                        float* moving_variance) {
  KARYON_CHECK(x.same_shape(y) && x.pixels() > 0, "batch norm keeps the shape");
  const int channels = x.c;
  const std::int64_t pixels = x.pixels(), chunks = (pixels + kChunk - 1) / kChunk;
  auto* partial = stream.workspace<float>((2 * chunks + 2) * channels);
  float *scale = partial + 2 * chunks * channels, *shift = scale + channels;
  parallel_ranges(stream, chunks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      chunk_moments(x.pixel(k * kChunk), x.pitch, std::min(kChunk, pixels - k * kChunk), channels,
                    partial + 2 * k * channels, partial + (2 * k + 1) * channels);
    }
  });
  parallel_ranges(stream, channels, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      double count = 0, m = 0, m2 = 0;
      for (std::int64_t k = 0; k < chunks; ++k) {
        const auto n = static_cast<double>(std::min(kChunk, pixels - k * kChunk));
        const double d = static_cast<double>(partial[2 * k * channels + c]) - m;
        m += d * (n / (count + n));
        m2 += static_cast<double>(partial[(2 * k + 1) * channels + c]) + d * d * (count * n / (count + n));
        count += n;
      }
      const double variance = m2 / count;
      mean[c] = static_cast<float>(m);
      inv_std[c] = static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(epsilon)));
      scale[c] = gamma[c] * inv_std[c];
      shift[c] = beta[c] - mean[c] * scale[c];
      if (moving_mean != nullptr) {
        moving_mean[c] = moving_mean[c] * momentum + mean[c] * (1.0F - momentum);
        moving_variance[c] = moving_variance[c] * momentum + static_cast<float>(variance) * (1.0F - momentum);
      }
    }
  });
  scale_all(stream, x, scale, shift, act, y);
}

void batch_norm_inference(Stream& stream, ConstFloatView x, const float* gamma, const float* beta,
                          const float* moving_mean, const float* moving_variance, float epsilon, Activation act,
                          FloatView y) {
  KARYON_CHECK(x.same_shape(y), "batch norm keeps the shape");
  auto* scale = stream.workspace<float>(2 * std::int64_t{x.c});
  float* shift = scale + x.c;
  for (int c = 0; c < x.c; ++c) {
    scale[c] = gamma[c] / std::sqrt(moving_variance[c] + epsilon);
    shift[c] = beta[c] - moving_mean[c] * scale[c];
  }
  scale_all(stream, x, scale, shift, act, y);
}

void batch_norm_backward(Stream& stream, ConstFloatView dy, ConstFloatView x, const float* gamma, const float* beta,
                         const float* mean, const float* inv_std, Activation act, FloatView dx, float* dgamma,
                         float* dbeta) {
  KARYON_CHECK(x.same_shape(dy) && (!dx || x.same_shape(dx)), "batch norm keeps the shape");
  const int channels = x.c;
  const std::int64_t pixels = x.pixels(), chunks = (pixels + kChunk - 1) / kChunk;
  auto* partial = stream.workspace<float>((2 * chunks + 4) * channels);
  float *scale = partial + 2 * chunks * channels, *shift = scale + channels;
  float *offset = shift + channels, *slope = offset + channels;
  for (int c = 0; c < channels; ++c) {
    scale[c] = gamma[c] * inv_std[c];
    shift[c] = beta[c] - mean[c] * scale[c];
  }
  const Channels ch{scale, shift, mean, inv_std};
  parallel_ranges(stream, chunks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      sum_rows(dy.pixel(k * kChunk), dy.pitch, x.pixel(k * kChunk), x.pitch, std::min(kChunk, pixels - k * kChunk),
               channels, ch, act, partial + 2 * k * channels, partial + (2 * k + 1) * channels);
    }
  });
  parallel_ranges(stream, channels, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      double sum = 0, sum_xhat = 0;
      for (std::int64_t k = 0; k < chunks; ++k) {
        sum += static_cast<double>(partial[2 * k * channels + c]);
        sum_xhat += static_cast<double>(partial[(2 * k + 1) * channels + c]);
      }
      dbeta[c] = static_cast<float>(sum);
      dgamma[c] = static_cast<float>(sum_xhat);
      offset[c] = static_cast<float>(sum / static_cast<double>(pixels));
      slope[c] = static_cast<float>(sum_xhat / static_cast<double>(pixels)) * inv_std[c];
    }
  });
  if (!dx) return;
  parallel_ranges(stream, pixels, [&](std::int64_t begin, std::int64_t end) {
    gradient_rows(dy.pixel(begin), dy.pitch, x.pixel(begin), x.pitch, end - begin, channels, ch, offset, slope, act,
                  dx.pixel(begin), dx.pitch);
  });
}

}  // namespace cpu

}  // namespace karyon
