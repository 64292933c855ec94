// Transposed convolution on the CPU as matrix products with one column block a tap.
// Invariant: with T = kernel_h * kernel_w taps, columns[pixel][tap * out + o] = sum_c x[pixel][c] k[tap][o][c] is one
// GEMM over the kernel as it is stored, and the output gathers its 1 to T contributions from there; no zero is
// multiplied. Both gradients go the other way: columns gathered from dy, then one GEMM. Tasks are whole images or bands
// of rows, so that the columns stay in cache. Leading dimensions make channel slices free.
#include "kernels/conv_transpose.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/check.h"
#include "kernels/conv_dnnl.h"
#include "kernels/conv_transpose_narrow.h"
#include "kernels/conv_transpose_winograd.h"
#include "kernels/panel_product.h"
#include "kernels/parallel.h"
#include "kernels/simd.h"

namespace karyon {

namespace {

constexpr std::int64_t kColumnsInCache = 640 * 1024;  // floats: 2.5 MB
constexpr std::int64_t kGoodRows = 256;               // GEMM rows below which a task takes several images

int taps(const ConvGeometry& g) { return g.kernel_h * g.kernel_w; }

/// One contribution along one axis: input index and kernel index.
struct Contribution {
  int input, kernel;
};

/// For each output index along an axis, the inputs and taps that reach it.
std::vector<std::vector<Contribution>> contributions(int in, int out, int kernel, int stride, int crop) {
  std::vector<std::vector<Contribution>> result(static_cast<std::size_t>(out));
  for (int i = 0; i < in; ++i) {
    for (int r = 0; r < kernel; ++r) {
      const int p = i * stride + r - crop;
      if (p >= 0 && p < out) result[static_cast<std::size_t>(p)].push_back({i, r});
    }
  }
  return result;
}

template <Activation act>
KARYON_INLINE void sum_taps_as(const float* const* sources, int count, const float* bias, int channels, float* out) {
  const float* s0 = sources[0];
  if (count == 1) {
    for (int o = 0; o < channels; ++o) out[o] = activate<act>(s0[o] + (bias != nullptr ? bias[o] : 0.0F));
  } else if (count == 2) {
    const float* s1 = sources[1];
    for (int o = 0; o < channels; ++o) out[o] = activate<act>(s0[o] + s1[o] + (bias != nullptr ? bias[o] : 0.0F));
  } else if (count == 4) {
    const float *s1 = sources[1], *s2 = sources[2], *s3 = sources[3];
    for (int o = 0; o < channels; ++o) {
      out[o] = activate<act>((s0[o] + s1[o]) + (s2[o] + s3[o]) + (bias != nullptr ? bias[o] : 0.0F));
    }
  } else {
    for (int o = 0; o < channels; ++o) {
      float sum = bias != nullptr ? bias[o] : 0.0F;
      for (int t = 0; t < count; ++t) sum += sources[t][o];
      out[o] = activate<act>(sum);
    }
  }
}

/// out[o] = act(bias[o] + sum of the sources' [o]).
KARYON_CLONES void sum_taps(const float* const* sources, int count, const float* bias, Activation act, int channels,
                            float* out) {
  ACTIVATION_SWITCH(act, sum_taps_as<kAct>(sources, count, bias, channels, out));
}

/// Which inputs and taps reach each output row and column.
struct Reach {
  std::vector<std::vector<Contribution>> rows, columns;
};

/// Output rows [out_begin, out_end) of image n, each pixel the sum of the columns that reach it. columns: those of the
/// image's input rows from in_begin on, taps * out floats a pixel of an input in_w wide.
void sum_outputs(const float* columns, int in_begin, int n, int out_begin, int out_end, const Reach& reach, int in_w,
                 const ConvGeometry& g, const float* bias, Activation act, const FloatView& y) {
  const std::int64_t width = std::int64_t{taps(g)} * y.c;
  std::vector<const float*> sources(static_cast<std::size_t>(taps(g)));
  for (int p = out_begin; p < out_end; ++p) {
    for (int q = 0; q < y.w; ++q) {
      int reached = 0;
      for (const auto [i, r] : reach.rows[static_cast<std::size_t>(p)]) {
        for (const auto [j, s] : reach.columns[static_cast<std::size_t>(q)]) {
          sources[static_cast<std::size_t>(reached++)] =
              columns + (std::int64_t{i - in_begin} * in_w + j) * width + std::int64_t{r * g.kernel_w + s} * y.c;
        }
      }
      float* out = y.at(n, p, q);
      if (reached == 0) {  // a stride beyond the kernel leaves outputs that no input reaches
        std::fill_n(out, y.c, 0.0F);
        sources[0] = out;
        reached = 1;
      }
      sum_taps(sources.data(), reached, bias, act, y.c, out);
    }
  }
}

/// How a batch is cut into tasks: several small images, one image, or bands of output rows of a large one.
struct Tasks {
  int images = 1;  // images a task
  int bands = 1;   // tasks an image, when images == 1
  [[nodiscard]] std::int64_t count(int n) const { return std::int64_t{(n + images - 1) / images} * bands; }
};

Tasks plan_tasks(int n, int h, int w, std::int64_t columns, int threads) {
  const std::int64_t pixels = std::int64_t{h} * w;
  Tasks tasks;
  if (pixels < kGoodRows) {
    const auto wanted = static_cast<int>((kGoodRows + pixels - 1) / pixels);
    tasks.images = std::clamp(wanted, 1, std::max(1, (n + threads - 1) / threads));
    return tasks;
  }
  const std::int64_t in_cache = (pixels * columns + kColumnsInCache - 1) / kColumnsInCache;
  const int for_threads = n >= threads ? 1 : (threads + n - 1) / n;
  tasks.bands = std::clamp(static_cast<int>(std::max<std::int64_t>(in_cache, for_threads)), 1, std::max(1, h / 2));
  return tasks;
}

void check_shapes(const ConstFloatView& x, const ConstFloatView& y, const ConvGeometry& g) {
  KARYON_CHECK(x.n == y.n && y.h == g.transposed_out_h(x.h) && y.w == g.transposed_out_w(x.w),
               "a transposed convolution's output has another size than its geometry gives");
}

int total_channels(std::span<const ConstFloatView> inputs) {
  KARYON_CHECK(!inputs.empty(), "a transposed convolution needs an input");
  int channels = 0;
  for (const ConstFloatView& x : inputs) {
    KARYON_CHECK(x.n == inputs[0].n && x.h == inputs[0].h && x.w == inputs[0].w,
                 "the inputs of a transposed convolution differ in size");
    channels += x.c;
  }
  return channels;
}

/// columns[pixel][tap * out + o] for `pixels` pixels from `first` on, over all inputs.
void multiply(std::span<const ConstFloatView> inputs, int kernel_channels, const float* kernel, std::int64_t width,
              std::int64_t first, std::int64_t pixels, float* columns) {
  float beta = 0.0F;
  const float* k = kernel;
  for (const ConstFloatView& x : inputs) {
    gemm(false, true, pixels, width, x.c, x.pixel(first), x.pitch, k, kernel_channels, beta, columns, width);
    beta = 1.0F;
    k += x.c;
  }
}

/// One pixel's columns out of dy: the taps that fall outside are zero.
void gather_pixel(const ConstFloatView& dy, const ConvGeometry& g, int n, int i, int j, float* columns) {
  const auto bytes = static_cast<std::size_t>(dy.c) * sizeof(float);
  const int q0 = j * g.stride_w - g.pad.left;
  const bool inside = dy.dense() && q0 >= 0 && q0 + g.kernel_w <= dy.w;
  for (int r = 0; r < g.kernel_h; ++r) {
    const int p = i * g.stride_h - g.pad.top + r;
    float* row = columns + static_cast<std::ptrdiff_t>(r) * g.kernel_w * dy.c;
    if (p < 0 || p >= dy.h) {
      std::memset(row, 0, bytes * static_cast<std::size_t>(g.kernel_w));
    } else if (inside) {
      std::memcpy(row, dy.at(n, p, q0), bytes * static_cast<std::size_t>(g.kernel_w));
    } else {
      for (int s = 0; s < g.kernel_w; ++s) {
        float* tap = row + static_cast<std::ptrdiff_t>(s) * dy.c;
        if (q0 + s < 0 || q0 + s >= dy.w) {
          std::memset(tap, 0, bytes);
        } else {
          std::memcpy(tap, dy.at(n, p, q0 + s), bytes);
        }
      }
    }
  }
}

/// The columns of input pixels [first, first + pixels) of an h x w input.
void gather(const ConstFloatView& dy, const ConvGeometry& g, int h, int w, std::int64_t first, std::int64_t pixels,
            float* columns) {
  const std::int64_t width = std::int64_t{taps(g)} * dy.c;
  for (std::int64_t t = 0; t < pixels; ++t) {
    const std::int64_t pixel = first + t, row = pixel / w;
    gather_pixel(dy, g, static_cast<int>(row / h), static_cast<int>(row % h), static_cast<int>(pixel % w),
                 columns + t * width);
  }
}

bool is_narrow(std::int64_t width) { return width <= kNarrowColumns; }

/// Pixels whose products make one partial sum of a narrow weight gradient: fixed, so that no thread count changes a
/// bit.
constexpr std::int64_t kNarrowChunk = 2048;
constexpr int kNarrowPixels = 8;  // of a product: memory serves the next eight short rows meanwhile

/// The forward pass with few output channels: an output row takes the input rows that reach it, whose columns are
/// computed once and kept while a task walks down its rows.
void narrow_forward(Stream& stream, std::span<const ConstFloatView> inputs, int kernel_channels, const float* kernel,
                    const float* bias, Activation act, const ConvGeometry& g, const FloatView& y) {
  const ConstFloatView& x = inputs[0];
  const int width = taps(g) * y.c;
  const auto rows = contributions(x.h, y.h, g.kernel_h, g.stride_h, g.pad.top);
  const int kept = (g.kernel_h - 1) / g.stride_h + 1;  // input rows that reach one output row
  const std::int64_t row_size = std::int64_t{x.w} * kNarrowColumns;
  const std::int64_t line = std::int64_t{y.w} * y.c, scratch = kept * row_size + line;
  const std::int64_t packed_size = std::int64_t{kernel_channels} * kNarrowColumns;
  auto* packed = stream.workspace<float>(packed_size + scratch * stream.threads());
  pack_narrow(kernel, kernel_channels, width, packed);
  parallel_ranges(stream, stream.threads(), [&](std::int64_t worker, std::int64_t worker_end) {
    for (; worker < worker_end; ++worker) {
      float* columns = packed + packed_size + worker * scratch;
      float* sums = columns + kept * row_size;
      const std::int64_t all = std::int64_t{y.n} * y.h;
      std::vector<ProductTerm> terms;
      std::vector<std::int64_t> held(static_cast<std::size_t>(kept), -1);  // input row of the batch in each slot
      for (std::int64_t t = all * worker / stream.threads(); t < all * (worker + 1) / stream.threads(); ++t) {
        const std::int64_t n = t / y.h;
        for (int q = 0; q < y.w; ++q) {
          for (int o = 0; o < y.c; ++o) sums[q * y.c + o] = bias != nullptr ? bias[o] : 0.0F;
        }
        for (const auto [i, r] : rows[static_cast<std::size_t>(t % y.h)]) {
          const std::int64_t row = n * x.h + i;
          const auto slot = static_cast<std::size_t>(row % kept);
          float* row_columns = columns + static_cast<std::int64_t>(slot) * row_size;
          if (held[slot] != row) {
            for (int j = 0; j < x.w; j += kNarrowPixels) {
              terms.clear();
              const float* b = packed;
              for (const ConstFloatView& in : inputs) {
                terms.push_back(
                    {in.pixel(row * x.w + j), in.pitch, b, std::ptrdiff_t{kernel_channels} * kPanel, in.c, true});
                b += std::ptrdiff_t{in.c} * kPanel;
              }
              panel_product(terms, std::min(kNarrowPixels, x.w - j), panels_of(width),
                            row_columns + std::int64_t{j} * kNarrowColumns, kNarrowColumns);
            }
            held[slot] = row;
          }
          narrow_scatter_row(row_columns + static_cast<std::ptrdiff_t>(r) * g.kernel_w * y.c, x.w, g.kernel_w,
                             g.stride_w, g.pad.left, y.w, y.c, sums);
        }
        const float* source = sums;
        if (y.dense()) {
          sum_taps(&source, 1, nullptr, act, static_cast<int>(line), y.pixel(t * y.w));
        } else {
          for (int q = 0; q < y.w; ++q, source += y.c) sum_taps(&source, 1, nullptr, act, y.c, y.pixel(t * y.w + q));
        }
      }
    }
  });
}

/// The weight gradient with few output channels: partial sums over fixed chunks of pixels, merged in order.
void narrow_backward_weight(Stream& stream, std::span<const ConstFloatView> inputs, int kernel_channels,
                            const ConstFloatView& dy, const ConvGeometry& g, float* dkernel) {
  const ConstFloatView& x = inputs[0];
  const int width = taps(g) * dy.c;
  const std::int64_t pixels = x.pixels(), chunks = (pixels + kNarrowChunk - 1) / kNarrowChunk;
  const std::int64_t partial_size = std::int64_t{width} * kernel_channels;
  constexpr std::int64_t kStep = 256;  // pixels whose columns stay in the first cache
  auto* partial = stream.workspace<float>(chunks * partial_size + kStep * width * stream.threads());
  parallel_tasks(stream, chunks, [&](std::int64_t k, std::int64_t worker) {
    float* columns = partial + chunks * partial_size + worker * kStep * width;
    float* sums = partial + k * partial_size;
    std::fill_n(sums, partial_size, 0.0F);
    const std::int64_t end = std::min(pixels, (k + 1) * kNarrowChunk);
    for (std::int64_t first = k * kNarrowChunk; first < end; first += kStep) {
      const std::int64_t count = std::min(kStep, end - first);
      gather(dy, g, x.h, x.w, first, count, columns);
      float* part = sums;
      for (const ConstFloatView& in : inputs) {
        narrow_weight_sums(columns, width, in.pixel(first), in.pitch, count, in.c, part);
        part += std::int64_t{width} * in.c;
      }
    }
  });
  // A partial sum holds [input][column][channel]; the kernel's gradient is [column][all channels].
  std::int64_t offset = 0;
  int channel = 0;
  for (const ConstFloatView& in : inputs) {
    for (int t = 0; t < width; ++t) {
      for (int c = 0; c < in.c; ++c) {
        double sum = 0;
        for (std::int64_t k = 0; k < chunks; ++k) {
          sum += static_cast<double>(partial[k * partial_size + offset + std::int64_t{t} * in.c + c]);
        }
        dkernel[std::int64_t{t} * kernel_channels + channel + c] = static_cast<float>(sum);
      }
    }
    offset += std::int64_t{width} * in.c;
    channel += in.c;
  }
}

/// dbias[o] = sum over all pixels of dy.
void backward_bias(Stream& stream, const ConstFloatView& dy, float* dbias) {
  const std::int64_t chunks = (dy.pixels() + kNarrowChunk - 1) / kNarrowChunk;
  auto* partial = stream.workspace<double>(chunks * dy.c);
  parallel_ranges(stream, chunks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      double* sums = partial + k * dy.c;
      std::fill_n(sums, dy.c, 0.0);
      for (std::int64_t i = k * kNarrowChunk; i < std::min(dy.pixels(), (k + 1) * kNarrowChunk); ++i) {
        for (int o = 0; o < dy.c; ++o) sums[o] += static_cast<double>(dy.pixel(i)[o]);
      }
    }
  });
  for (int o = 0; o < dy.c; ++o) {
    double sum = 0;
    for (std::int64_t k = 0; k < chunks; ++k) sum += partial[k * dy.c + o];
    dbias[o] = static_cast<float>(sum);
  }
}

/// The weight gradient by matrix products over chunks of pixels.
void gemm_backward_weight(Stream& stream, std::span<const ConstFloatView> inputs, int kernel_channels,
                          const ConstFloatView& dy, const ConvGeometry& g, float* dkernel) {
  const ConstFloatView& x = inputs[0];
  const std::int64_t width = std::int64_t{taps(g)} * dy.c;
  const std::int64_t pixels = x.pixels();
  // Few, long products: each reads and writes all of dkernel.
  const std::int64_t chunk = std::min(pixels, std::max<std::int64_t>(512, 2 * kColumnsInCache / width));
  auto* columns = stream.workspace<float>(chunk * width);
  for (std::int64_t first = 0; first < pixels; first += chunk) {
    const std::int64_t count = std::min(chunk, pixels - first);
    parallel_ranges(stream, count, [&](std::int64_t begin, std::int64_t end) {
      gather(dy, g, x.h, x.w, first + begin, end - begin, columns + begin * width);
    });
    // Rows of dkernel are shared out in steps of 16, so no thread adds to another's.
    parallel_ranges(stream, (width + 15) / 16, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t row = begin * 16, rows = std::min(end * 16, width) - row;
      float* out = dkernel + row * kernel_channels;
      for (const ConstFloatView& in : inputs) {
        gemm(true, false, rows, in.c, count, columns + row, width, in.pixel(first), in.pitch, first == 0 ? 0.0F : 1.0F,
             out, kernel_channels);
        out += in.c;
      }
    });
  }
}

}  // namespace

namespace cpu {

void conv_transpose_forward(Stream& stream, std::span<const ConstFloatView> inputs, StampedKernel kernel,
                            const float* bias, Activation act, const ConvGeometry& geometry, FloatView y) {
  const ConvGeometry& g = geometry;
  const int kernel_channels = total_channels(inputs);
  const ConstFloatView& x = inputs[0];
  check_shapes(x, y, g);
  const std::int64_t width = std::int64_t{taps(g)} * y.c;
  if (is_narrow(width)) return narrow_forward(stream, inputs, kernel_channels, kernel.data, bias, act, g, y);
  if (is_doubling(g)) return doubling_forward(stream, inputs, kernel, kernel_channels, bias, act, y);
  const Tasks tasks = plan_tasks(x.n, x.h, x.w, width, stream.threads());
  const Reach reach{contributions(x.h, y.h, g.kernel_h, g.stride_h, g.pad.top),
                    contributions(x.w, y.w, g.kernel_w, g.stride_w, g.pad.left)};
  // A band's outputs reach back by the rows that a kernel longer than its stride overlaps.
  const int halo = (g.kernel_h - 1) / g.stride_h;
  const int band_rows = (x.h + tasks.bands - 1) / tasks.bands;
  const std::int64_t most_pixels =
      tasks.bands > 1 ? std::int64_t{std::min(band_rows + halo, x.h)} * x.w : std::int64_t{tasks.images} * x.h * x.w;
  auto* workspace = stream.workspace<float>(most_pixels * width * stream.threads());

  parallel_tasks(stream, tasks.count(x.n), [&](std::int64_t task, std::int64_t worker) {
    float* columns = workspace + worker * most_pixels * width;
    const int band = static_cast<int>(task % tasks.bands);
    const int n_begin = static_cast<int>(task / tasks.bands) * tasks.images;
    const int n_end = std::min(n_begin + tasks.images, x.n);
    // Outputs [out_begin, out_end) belong to the task; inputs [in_begin, in_end) reach them.
    const int first = band * band_rows, last = std::min(first + band_rows, x.h);
    if (first >= x.h) return;
    const int out_begin = band == 0 ? 0 : std::clamp(first * g.stride_h - g.pad.top, 0, y.h);
    const int out_end = last == x.h ? y.h : std::clamp(last * g.stride_h - g.pad.top, 0, y.h);
    const int in_begin = std::max(0, first - halo);
    const std::int64_t image = std::int64_t{x.h} * x.w;
    const std::int64_t pixels =
        tasks.bands > 1 ? std::int64_t{last - in_begin} * x.w : std::int64_t{n_end - n_begin} * image;
    multiply(inputs, kernel_channels, kernel.data, width, n_begin * image + std::int64_t{in_begin} * x.w, pixels,
             columns);
    for (int n = n_begin; n < n_end; ++n) {
      sum_outputs(columns + (n - n_begin) * image * width, in_begin, n, out_begin, out_end, reach, x.w, g, bias, act,
                  y);
    }
  });
}

void conv_transpose_backward_data(Stream& stream, ConstFloatView dy, const float* kernel, int kernel_channels,
                                  int channel_begin, const ConvGeometry& geometry, FloatView dx) {
  const ConvGeometry& g = geometry;
  check_shapes(dx, dy, g);
  KARYON_CHECK(channel_begin >= 0 && channel_begin + dx.c <= kernel_channels,
               "the input's channels are not the kernel's");
  const std::int64_t width = std::int64_t{taps(g)} * dy.c;
  if (is_doubling(g) && !is_narrow(width)) {
    return doubling_backward_data(stream, dy, kernel, kernel_channels, channel_begin, dx);
  }
  const std::int64_t chunk = std::clamp<std::int64_t>(kColumnsInCache / width, 64, 2 * kGoodRows);
  auto* workspace = stream.workspace<float>(chunk * width * stream.threads());
  const std::int64_t chunks = (dx.pixels() + chunk - 1) / chunk;
  parallel_tasks(stream, chunks, [&](std::int64_t task, std::int64_t worker) {
    float* columns = workspace + worker * chunk * width;
    const std::int64_t first = task * chunk, pixels = std::min(chunk, dx.pixels() - first);
    gather(dy, g, dx.h, dx.w, first, pixels, columns);
    gemm(false, false, pixels, dx.c, width, columns, width, kernel + channel_begin, kernel_channels, 0.0F,
         dx.pixel(first), dx.pitch);
  });
}

void conv_transpose_backward_weight(Stream& stream, std::span<const ConstFloatView> inputs, ConstFloatView dy,
                                    const ConvGeometry& geometry, float* dkernel, float* dbias) {
  const ConvGeometry& g = geometry;
  const int kernel_channels = total_channels(inputs);
  check_shapes(inputs[0], dy, g);
  if (is_narrow(std::int64_t{taps(g)} * dy.c)) {
    narrow_backward_weight(stream, inputs, kernel_channels, dy, g, dkernel);
  } else if (is_doubling(g)) {
    doubling_backward_weight(stream, inputs, kernel_channels, dy, dkernel);
  } else {
    gemm_backward_weight(stream, inputs, kernel_channels, dy, g, dkernel);
  }
  if (dbias != nullptr) backward_bias(stream, dy, dbias);
}

}  // namespace cpu

}  // namespace karyon
