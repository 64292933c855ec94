#include "kernels/conv_transpose_winograd.h"

#include <algorithm>
#include <array>
#include <memory>

#include "kernels/kernel_copies.h"
#include "kernels/panel_product.h"
#include "kernels/parallel.h"
#include "kernels/simd.h"
#include "kernels/tile_sums.h"

namespace karyon {

namespace {

constexpr int kOut = 4;          // outputs of a tile along an axis; it has half as many inputs
constexpr int kKernels = 4;      // kernels along an axis: low k2, middle k0 + k2, high k0, plain k1
constexpr int kProducts = 5;     // products along an axis: the plain kernel has two
constexpr int kTaskTiles = 64;   // tiles computed together, for whom the transformed kernels are read once
constexpr int kBlockTiles = 64;  // tiles whose outer products are summed in registers

/// Which taps make a transformed kernel, along one axis.
struct KernelSum {
  int count;
  int tap[2];
};
constexpr KernelSum kKernelSums[kKernels] = {{1, {2, 0}}, {2, {0, 2}}, {1, {0, 0}}, {1, {1, 0}}};

/// Product p along an axis: its kernel, and the inputs (from the tile's first on) that are multiplied with it.
struct Product {
  int kernel;
  AxisSum input;
};
constexpr Product kForward[kProducts] = {{0, {2, {0, -1}, {1.0F, -1.0F}}},
                                         {1, {1, {0, 0}}},
                                         {2, {2, {1, 0}, {1.0F, -1.0F}}},
                                         {3, {1, {0, 0}}},
                                         {3, {1, {1, 0}}}};
/// The gradients of the five products from those of the outputs; the transpose of how outputs are made.
constexpr AxisSum kProductGradients[kProducts] = {
    {1, {0, 0}, {-1.0F, 0.0F}}, {2, {0, 2}, {1.0F, 1.0F}}, {1, {2, 0}}, {1, {1, 0}}, {1, {3, 0}}};

/// The gradient of a tile's inputs as sums of three: dx1 = first + middle, dx2 = middle + last, from
///   first = (y0 - y2) k0 + y1 k1,   middle = y2 (k0 + k2),   last = (y4 - y2) k2 + y3 k1   (y: gradients of outputs)
struct GradientPart {
  int count;
  Product term[2];
};
constexpr int kParts = 3;
constexpr GradientPart kBackward[kParts] = {{2, {{2, {2, {0, 2}, {1.0F, -1.0F}}}, {3, {1, {1, 0}}}}},
                                            {1, {{1, {1, {2, 0}}}, {}}},
                                            {2, {{0, {2, {4, 2}, {1.0F, -1.0F}}}, {3, {1, {3, 0}}}}}};

/// The products of a kernel along an axis: one, or the last two.
constexpr int products_of(int kernel) { return kernel == 3 ? 2 : 1; }

/// Tiles of 2x2 inputs; tile rows are numbered over the whole batch.
struct Tiles {
  int n, down, across;
  explicit Tiles(const ConstFloatView& x) : n(x.n), down((x.h + 1) / 2), across((x.w + 1) / 2) {}
  [[nodiscard]] std::int64_t rows() const { return std::int64_t{n} * down; }
  /// Tile rows of a task: as many as the cache likes, and fewer where some thread would have none.
  [[nodiscard]] std::int64_t rows_of_task(int threads) const {
    return std::clamp<std::int64_t>(kTaskTiles / across, 1, (rows() + threads - 1) / threads);
  }
};

std::int64_t padded(std::int64_t columns) { return panels_of(columns) * kPanel; }

/// Floats of a row that holds the inputs' channels one behind the other, and lanes that tile_sums() clears behind them.
std::int64_t row_length(std::span<const ConstFloatView> inputs) {
  std::int64_t length = 0;
  for (const ConstFloatView& x : inputs) length += padded(x.c);
  return length;
}

// ---- transformed kernels --------------------------------------------------------------------------------------------

/// sum[o][c] of one output channel o over the taps of both axes, for `count` channels.
KARYON_CLONES void add_taps(const float* const* taps, int count, int channels, float* sum) {
  const float *a = taps[0], *b = taps[1], *c = taps[2], *d = taps[3];
  if (count == 1) {
    std::copy_n(a, channels, sum);
  } else if (count == 2) {
    for (int k = 0; k < channels; ++k) sum[k] = a[k] + b[k];
  } else {
    for (int k = 0; k < channels; ++k) sum[k] = (a[k] + b[k]) + (c[k] + d[k]);
  }
}

/// Kernel HWOI (3x3, `out` by `in`) transformed by kernel sums `down` and `across`: channels [begin, begin + count) of
/// output o.
void transform_row(const float* kernel, int out, int in, int down, int across, int o, int begin, int count,
                   float* sum) {
  const KernelSum &y = kKernelSums[down], &x = kKernelSums[across];
  const float* taps[4] = {};
  int found = 0;
  for (int a = 0; a < y.count; ++a) {
    for (int b = 0; b < x.count; ++b) {
      taps[found++] = kernel + (std::int64_t{y.tap[a] * 3 + x.tap[b]} * out + o) * in + begin;
    }
  }
  add_taps(taps, found, count, sum);
}

/// columns[c][lane] = rows[lane][c].
KARYON_CLONES void transpose_block(const float* rows, int channels, float* columns) {
  for (int c = 0; c < channels; ++c) {
    for (int lane = 0; lane < kPanel; ++lane) columns[c * kPanel + lane] = rows[lane * kPanel + c];
  }
}

/// For each of the 16 kernels, panels over the output channels: packed[kernel][panel][input channel][16].
void pack_for_forward(Stream& stream, const float* kernel, int out, int in, float* packed) {
  const std::int64_t panels = panels_of(out), size = panels * in * kPanel;
  parallel_tasks(stream, kKernels * kKernels * panels, [&](std::int64_t task, std::int64_t) {
    const int which = static_cast<int>(task / panels), o0 = static_cast<int>(task % panels) * kPanel;
    const int lanes = std::min(kPanel, out - o0);
    float* panel = packed + which * size + std::int64_t{o0} * in;
    float block[kPanel * kPanel] = {};
    for (int c = 0; c < in; c += kPanel) {
      const int channels = std::min(kPanel, in - c);
      for (int lane = 0; lane < lanes; ++lane) {
        transform_row(kernel, out, in, which / kKernels, which % kKernels, o0 + lane, c, channels,
                      block + lane * kPanel);
      }
      transpose_block(block, channels, panel + std::int64_t{c} * kPanel);
    }
  });
}

/// For each of the 16 kernels, panels over input channels [begin, begin + count): packed[kernel][panel][output][16].
void pack_for_backward(Stream& stream, const float* kernel, int out, int in, int begin, int count, float* packed) {
  const std::int64_t panels = panels_of(count), size = panels * out * kPanel;
  parallel_tasks(stream, kKernels * kKernels * panels, [&](std::int64_t task, std::int64_t) {
    const int which = static_cast<int>(task / panels), c = static_cast<int>(task % panels) * kPanel;
    const int channels = std::min(kPanel, count - c);
    float* panel = packed + which * size + std::int64_t{c} * out;
    for (int o = 0; o < out; ++o, panel += kPanel) {
      transform_row(kernel, out, in, which / kKernels, which % kKernels, o, begin + c, channels, panel);
      std::fill(panel + channels, panel + kPanel, 0.0F);
    }
  });
}

// ---- forward --------------------------------------------------------------------------------------------------------

/// Where product p of both axes lies among all, and the first product of a kernel: products are stored by kernel, so
/// that those of one kernel follow each other.
constexpr int kAllProducts = kProducts * kProducts;
struct Order {
  std::array<int, kAllProducts> down{}, across{}, kernel{};  // of the product in each place
  std::array<int, kKernels * kKernels + 1> begin{};          // places of a kernel's products
  std::array<int, kAllProducts> place{};                     // of product down * 5 + across
};
constexpr Order make_order() {
  Order order;
  int at = 0;
  for (int k = 0; k < kKernels * kKernels; ++k) {
    order.begin[static_cast<std::size_t>(k)] = at;
    for (int a = 0; a < products_of(k / kKernels); ++a) {
      for (int b = 0; b < products_of(k % kKernels); ++b, ++at) {
        const auto place = static_cast<std::size_t>(at);
        order.down[place] = k / kKernels + a;
        order.across[place] = k % kKernels + b;
        order.kernel[place] = k;
        order.place[static_cast<std::size_t>(order.down[place]) * kProducts +
                    static_cast<std::size_t>(order.across[place])] = at;
      }
    }
  }
  order.begin[kKernels * kKernels] = at;
  return order;
}
constexpr Order kOrder = make_order();

template <Activation act>
KARYON_INLINE void join_as(const float* const* products, const float* bias, int channels, float* lines,
                           float* const* out) {
  for (int down = 0; down < kProducts; ++down) {
    const float* const* p = products + down * kProducts;
    const float *low = p[0], *middle = p[1], *high = p[2], *first = p[3], *second = p[4];
    float *y0 = lines + static_cast<std::ptrdiff_t>(down) * kOut * channels, *y1 = y0 + channels, *y2 = y1 + channels,
          *y3 = y2 + channels;
#pragma GCC ivdep
    for (int o = 0; o < channels; ++o) {
      y0[o] = middle[o] - low[o];
      y1[o] = first[o];
      y2[o] = middle[o] + high[o];
      y3[o] = second[o];
    }
  }
  for (int across = 0; across < kOut; ++across) {
    const float *low = lines + static_cast<std::ptrdiff_t>(across) * channels,
                *middle = low + std::ptrdiff_t{kOut} * channels, *high = middle + std::ptrdiff_t{kOut} * channels,
                *first = high + std::ptrdiff_t{kOut} * channels, *second = first + std::ptrdiff_t{kOut} * channels;
    float *y0 = out[across], *y1 = out[kOut + across], *y2 = out[2 * kOut + across], *y3 = out[3 * kOut + across];
#pragma GCC ivdep
    for (int o = 0; o < channels; ++o) {
      const float b = bias[o], m = middle[o];
      const float r0 = activate<act>(m - low[o] + b), r1 = activate<act>(first[o] + b),
                  r2 = activate<act>(m + high[o] + b), r3 = activate<act>(second[o] + b);
      y0[o] = r0;
      y1[o] = r1;
      y2[o] = r2;
      y3[o] = r3;
    }
  }
}

/// The 4x4 outputs of a tile from its 25 products: out[down * 4 + across]. lines: 20 * channels floats of scratch.
KARYON_CLONES void join_products(const float* const* products, const float* bias, Activation act, int channels,
                                 float* lines, float* const* out) {
  ACTIVATION_SWITCH(act, join_as<kAct>(products, bias, channels, lines, out));
}

}  // namespace

bool is_doubling(const ConvGeometry& g) { return g == ConvGeometry{3, 3, 2, 2, {0, 1, 0, 1}}; }

void doubling_forward(Stream& stream, std::span<const ConstFloatView> inputs, StampedKernel kernel, int kernel_channels,
                      const float* bias, Activation act, const FloatView& y) {
  const ConstFloatView& x = inputs[0];
  const int in = kernel_channels, out = y.c;
  const Tiles tiles(x);
  const std::int64_t width = padded(out), depth = row_length(inputs), task_rows = tiles.rows_of_task(stream.threads());
  const std::int64_t most = task_rows * tiles.across;
  const std::int64_t packed_size = kKernels * kKernels * width * in;
  // A task's inputs of one kernel, its products, lines of joining, and where outputs beyond the image go.
  const std::int64_t inputs_size = 4 * most * depth, products_size = kAllProducts * most * width;
  const std::int64_t scratch = inputs_size + products_size + (kProducts * kOut + 1) * width;
  if (!stream.kernel_copies()) stream.kernel_copies() = std::make_shared<KernelCopies>(stream.memory());
  const auto* packed = static_cast<const float*>(stream.kernel_copies()->find(
      kernel, {.element_bytes = sizeof(float), .packed_h = kKernels, .packed_w = kKernels},
      static_cast<std::size_t>(packed_size) * sizeof(float),
      [&](void* block) { pack_for_forward(stream, kernel.data, out, in, static_cast<float*>(block)); }));
  auto* all_bias = stream.workspace<float>(width + scratch * stream.threads());
  std::fill_n(all_bias, width, 0.0F);
  if (bias != nullptr) std::copy_n(bias, out, all_bias);

  parallel_tasks(stream, (tiles.rows() + task_rows - 1) / task_rows, [&](std::int64_t task, std::int64_t worker) {
    float* sums = all_bias + width + worker * scratch;
    float* products = sums + inputs_size;
    float* lines = products + products_size;
    float* nowhere = lines + kProducts * kOut * width;
    const std::int64_t first = task * task_rows, last = std::min(first + task_rows, tiles.rows());
    const std::int64_t count = (last - first) * tiles.across;
    for (int k = 0; k < kKernels * kKernels; ++k) {
      const int begin = kOrder.begin[static_cast<std::size_t>(k)], end = kOrder.begin[static_cast<std::size_t>(k) + 1];
      for (int p = begin; p < end; ++p) {
        const auto place = static_cast<std::size_t>(p);
        float* out_rows = sums + (p - begin) * count * depth;
        for (std::int64_t row = first; row < last; ++row, out_rows += tiles.across * depth) {
          float* line = out_rows;
          for (const ConstFloatView& part : inputs) {
            tile_sums(part, static_cast<int>(row / tiles.down), static_cast<int>(row % tiles.down) * 2,
                      kForward[kOrder.down[place]].input, kForward[kOrder.across[place]].input, 2, tiles.across, 0,
                      panels_of(part.c), line, {depth, kPanel});
            line += part.c;
          }
        }
      }
      const ProductTerm term{sums, depth, packed + k * width * in, std::int64_t{in} * kPanel, in};
      panel_product({&term, 1}, (end - begin) * count, width / kPanel, products + begin * count * width, width);
    }
    for (std::int64_t t = 0; t < count; ++t) {
      const std::int64_t row = first + t / tiles.across;
      const int n = static_cast<int>(row / tiles.down), p = static_cast<int>(row % tiles.down) * kOut,
                q = static_cast<int>(t % tiles.across) * kOut;
      const float* of_tile[kAllProducts];
      for (int k = 0; k < kAllProducts; ++k) {
        of_tile[k] = products + (kOrder.place[static_cast<std::size_t>(k)] * count + t) * width;
      }
      float* outputs[kOut * kOut];
      for (int k = 0; k < kOut * kOut; ++k) {
        const int i = p + k / kOut, j = q + k % kOut;
        outputs[k] = i < y.h && j < y.w ? y.at(n, i, j) : nowhere;
      }
      join_products(of_tile, all_bias, act, out, lines, outputs);
    }
  });
}

// ---- gradient of the inputs -----------------------------------------------------------------------------------------

namespace {

/// A tile's 2x2 gradients from its 3x3 parts.
KARYON_CLONES void join_parts(const float* const* parts, int channels, float* const* out) {
  const float *ff = parts[0], *fm = parts[1], *fl = parts[2], *mf = parts[3], *mm = parts[4], *ml = parts[5],
              *lf = parts[6], *lm = parts[7], *ll = parts[8];
  float *a = out[0], *b = out[1], *c = out[2], *d = out[3];
#pragma GCC ivdep
  for (int k = 0; k < channels; ++k) {
    const float left = mf[k] + mm[k], right = mm[k] + ml[k];
    const float dx11 = ff[k] + fm[k] + left, dx12 = fm[k] + fl[k] + right;
    const float dx21 = lf[k] + lm[k] + left, dx22 = lm[k] + ll[k] + right;
    a[k] = dx11;
    b[k] = dx12;
    c[k] = dx21;
    d[k] = dx22;
  }
}

}  // namespace

void doubling_backward_data(Stream& stream, const ConstFloatView& dy, const float* kernel, int kernel_channels,
                            int channel_begin, const FloatView& dx) {
  const int out = dy.c;
  const Tiles tiles{ConstFloatView(dx)};
  const std::int64_t width = padded(dx.c), depth = padded(out), task_rows = tiles.rows_of_task(stream.threads());
  const std::int64_t most = task_rows * tiles.across;
  const std::int64_t packed_size = kKernels * kKernels * width * out;
  const std::int64_t sums_size = 4 * most * depth, parts_size = kParts * kParts * most * width;
  const std::int64_t scratch = sums_size + parts_size + width;
  auto* packed = stream.workspace<float>(packed_size + scratch * stream.threads());
  pack_for_backward(stream, kernel, out, kernel_channels, channel_begin, dx.c, packed);

  parallel_tasks(stream, (tiles.rows() + task_rows - 1) / task_rows, [&](std::int64_t task, std::int64_t worker) {
    float* sums = packed + packed_size + worker * scratch;
    float* parts = sums + sums_size;
    float* nowhere = parts + parts_size;
    const std::int64_t first = task * task_rows, last = std::min(first + task_rows, tiles.rows());
    const std::int64_t count = (last - first) * tiles.across;
    for (int part = 0; part < kParts * kParts; ++part) {
      const GradientPart &down = kBackward[part / kParts], &across = kBackward[part % kParts];
      std::array<ProductTerm, 4> terms;
      std::size_t found = 0;
      for (int a = 0; a < down.count; ++a) {
        for (int b = 0; b < across.count; ++b) {
          float* slot = sums + static_cast<std::int64_t>(found) * count * depth;
          for (std::int64_t row = first; row < last; ++row) {
            tile_sums(dy, static_cast<int>(row / tiles.down), static_cast<int>(row % tiles.down) * kOut,
                      down.term[a].input, across.term[b].input, kOut, tiles.across, 0, panels_of(out),
                      slot + (row - first) * tiles.across * depth, {depth, kPanel});
          }
          const int which = down.term[a].kernel * kKernels + across.term[b].kernel;
          terms[found++] = {slot, depth, packed + which * width * out, std::int64_t{out} * kPanel, out};
        }
      }
      panel_product({terms.data(), found}, count, width / kPanel, parts + part * count * width, width);
    }
    for (std::int64_t t = 0; t < count; ++t) {
      const std::int64_t row = first + t / tiles.across;
      const int n = static_cast<int>(row / tiles.down), i = static_cast<int>(row % tiles.down) * 2,
                j = static_cast<int>(t % tiles.across) * 2;
      const float* of_tile[kParts * kParts];
      for (int k = 0; k < kParts * kParts; ++k) of_tile[k] = parts + (k * count + t) * width;
      float* outputs[4];
      for (int k = 0; k < 4; ++k) {
        outputs[k] = i + k / 2 < dx.h && j + k % 2 < dx.w ? dx.at(n, i + k / 2, j + k % 2) : nowhere;
      }
      join_parts(of_tile, dx.c, outputs);
    }
  });
}

// ---- gradient of the kernel -----------------------------------------------------------------------------------------

namespace {

/// Panels of input channels: those of each input, so that a panel never holds channels of two.
struct InputPanels {
  std::span<const ConstFloatView> inputs;
  [[nodiscard]] std::int64_t count() const {
    std::int64_t panels = 0;
    for (const ConstFloatView& x : inputs) panels += panels_of(x.c);
    return panels;
  }
  /// Calls body(x, first panel of x, last panel of x, panels before) for what lies in [begin, end).
  template <class Body>
  void for_each(std::int64_t begin, std::int64_t end, const Body& body) const {
    std::int64_t base = 0;
    for (const ConstFloatView& x : inputs) {
      const std::int64_t from = std::max(begin, base), to = std::min(end, base + panels_of(x.c));
      if (from < to) body(x, from - base, to - base, from);
      base += panels_of(x.c);
    }
  }
};

/// Transformed kernels' gradients back to the nine taps: dkernel[r][s][o][channels of all inputs].
void join_kernel_gradient(Stream& stream, const float* gradients, std::int64_t kernel_size, std::int64_t ld,
                          const InputPanels& panels, int out, int in, float* dkernel) {
  constexpr KernelSum kTaps[3] = {{2, {2, 1}}, {1, {3, 0}}, {2, {0, 1}}};  // kernels that a tap is part of
  parallel_tasks(stream, std::int64_t{9} * out, [&](std::int64_t task, std::int64_t) {
    const int tap = static_cast<int>(task / out);
    const std::int64_t o = task % out;
    const KernelSum &down = kTaps[tap / 3], &across = kTaps[tap % 3];
    float* to = dkernel + task * in;
    panels.for_each(0, panels.count(), [&](const ConstFloatView& x, std::int64_t, std::int64_t, std::int64_t panel) {
      const float* taps[4] = {};
      int found = 0;
      for (int a = 0; a < down.count; ++a) {
        for (int b = 0; b < across.count; ++b) {
          taps[found++] = gradients + (down.tap[a] * kKernels + across.tap[b]) * kernel_size + o * ld + panel * kPanel;
        }
      }
      add_taps(taps, found, x.c, to);
      to += x.c;
    });
  });
}

}  // namespace

void doubling_backward_weight(Stream& stream, std::span<const ConstFloatView> inputs, int kernel_channels,
                              const ConstFloatView& dy, float* dkernel) {
  const Tiles tiles(inputs[0]);
  const InputPanels panels{inputs};
  const int out = dy.c;
  const std::int64_t width = panels.count() * kPanel, rows = padded(out);
  const std::int64_t block_rows = std::clamp<std::int64_t>(kBlockTiles / tiles.across, 1, tiles.rows());
  const std::int64_t most = block_rows * tiles.across;
  const std::int64_t kernel_size = rows * width, gradients_size = kKernels * kKernels * kernel_size;
  const std::int64_t scratch = spaced_panel(most) * (panels.count() + panels_of(out));
  auto* gradients = stream.workspace<float>(gradients_size + scratch * stream.threads());
  // Threads share (kernel, panel of input channels) by the number of products, so no two write to one place.
  const std::int64_t work = kAllProducts * panels.count();
  parallel_ranges(stream, stream.threads(), [&](std::int64_t worker, std::int64_t worker_end) {
    for (; worker < worker_end; ++worker) {
      float* x_panels = gradients + gradients_size + worker * scratch;
      float* dy_panels = x_panels + spaced_panel(most) * panels.count();
      const std::int64_t from = work * worker / stream.threads(), to = work * (worker + 1) / stream.threads();
      for (std::int64_t first = 0; first < tiles.rows(); first += block_rows) {
        const std::int64_t last = std::min(first + block_rows, tiles.rows()), count = (last - first) * tiles.across;
        for (int p = 0; p < kAllProducts; ++p) {
          const auto place = static_cast<std::size_t>(p);
          const int k = kOrder.kernel[place];
          const int k_begin = kOrder.begin[static_cast<std::size_t>(k)];
          const std::int64_t products = kOrder.begin[static_cast<std::size_t>(k) + 1] - k_begin;
          const std::int64_t base = k_begin * panels.count();
          const auto panel_at = [&](std::int64_t unit) {
            return std::clamp<std::int64_t>((unit - base + products - 1) / products, 0, panels.count());
          };
          const std::int64_t begin = panel_at(from), end = panel_at(to);
          if (begin >= end) continue;
          const std::ptrdiff_t panel_size = spaced_panel(count);
          for (std::int64_t row = first; row < last; ++row) {
            const int n = static_cast<int>(row / tiles.down), at = static_cast<int>(row % tiles.down);
            const std::int64_t line = (row - first) * tiles.across * kPanel;
            tile_sums(dy, n, at * kOut, kProductGradients[kOrder.down[place]], kProductGradients[kOrder.across[place]],
                      kOut, tiles.across, 0, panels_of(out), dy_panels + line, {kPanel, panel_size});
            panels.for_each(begin, end,
                            [&](const ConstFloatView& x, std::int64_t x_begin, std::int64_t x_end, std::int64_t panel) {
                              tile_sums(x, n, at * 2, kForward[kOrder.down[place]].input,
                                        kForward[kOrder.across[place]].input, 2, tiles.across, x_begin, x_end,
                                        x_panels + (panel - begin) * panel_size + line, {kPanel, panel_size});
                            });
          }
          panel_outer_product(dy_panels, rows / kPanel, x_panels, end - begin, count, first > 0 || p > k_begin,
                              gradients + k * kernel_size + begin * kPanel, width);
        }
      }
    }
  });
  join_kernel_gradient(stream, gradients, kernel_size, width, panels, out, kernel_channels, dkernel);
}

}  // namespace karyon
