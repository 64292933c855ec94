#include "kernels/conv_transpose_int8.h"

#include <numeric>

namespace karyon {

namespace {

constexpr int kTaps = 3;  // a side

/// The kernel's index by which input pixel i + d (d = 0 or -1) reaches output pixel 2i + parity; -1: it does not.
int kernel_index(int parity, int d) {
  const int r = parity - 2 * d;
  return r < kTaps ? r : -1;
}

/// The kernel as the formula has it, with what its inputs' zeros add.
struct Kernel {
  const std::int8_t* weights;
  std::span<const int> channels, zeros;
  int in, out;

  Kernel(const std::int8_t* w, std::span<const int> input_channels, std::span<const int> input_zeros, int outputs)
      : weights(w),
        channels(input_channels),
        zeros(input_zeros),
        in(std::accumulate(channels.begin(), channels.end(), 0)),
        out(outputs) {}

  [[nodiscard]] std::int8_t at(int r, int s, int o, int input, int c) const {
    const int before = input == 0 ? 0 : channels[0];
    return weights[(std::int64_t{r * kTaps + s} * out + o) * in + before + c];
  }
  /// Of output o at this parity, beside the sums proper.
  [[nodiscard]] std::int32_t zero_products(int parity_y, int parity_x, int o) const {
    std::int32_t sum = 0;
    for (int dy = 0; dy >= -1; --dy) {
      for (int dx = 0; dx >= -1; --dx) {
        const int r = kernel_index(parity_y, dy), s = kernel_index(parity_x, dx);
        if (r < 0 || s < 0) continue;
        for (std::size_t input = 0; input < channels.size(); ++input) {
          if (zeros[input] == 0) continue;
          for (int c = 0; c < channels[input]; ++c) sum += zeros[input] * at(r, s, o, static_cast<int>(input), c);
        }
      }
    }
    return sum;
  }
};

void check_shapes(std::span<const ConstByteView> inputs, int n, int h, int w) {
  for (const ConstByteView& x : inputs) {
    KARYON_CHECK(x.n == n && 2 * x.h == h && 2 * x.w == w,
                 "an int8 transposed convolution's output is not twice as high and wide as its inputs");
  }
}

}  // namespace

PackedUpsampling pack_conv_transpose_int8(const std::int8_t* kernel, const std::int32_t* bias,
                                          std::span<const int> channels, std::span<const int> zeros, int out) {
  const Kernel k(kernel, channels, zeros, out);
  PackedUpsampling packed;
  for (int phase = 0; phase < 4; ++phase) {
    const int parity_y = phase / 2, parity_x = phase % 2;
    std::vector<ProductTap> taps;
    for (int dy = 0; dy >= -1; --dy) {
      for (int dx = 0; dx >= -1; --dx) {
        if (kernel_index(parity_y, dy) < 0 || kernel_index(parity_x, dx) < 0) continue;
        for (std::size_t input = 0; input < channels.size(); ++input) taps.push_back({static_cast<int>(input), dy, dx});
      }
    }
    std::vector<std::int32_t> biases(bias, bias + out);
    for (int o = 0; o < out; ++o) biases[static_cast<std::size_t>(o)] -= k.zero_products(parity_y, parity_x, o);
    const auto weight = [&, taps](int tap, int c, int o) {
      const ProductTap& t = taps[static_cast<std::size_t>(tap)];
      return k.at(kernel_index(parity_y, t.dy), kernel_index(parity_x, t.dx), o, t.input, c);
    };
    packed[static_cast<std::size_t>(phase)] = PackedProduct(taps, channels, out, weight, std::move(biases));
  }
  return packed;
}

void conv_transpose_int8(const Stream& stream, std::span<const ConstByteView> inputs,
                         std::span<const std::uint8_t* const> pads, const PackedUpsampling& packed,
                         const ByteOutput& output, ByteView y) {
  check_shapes(inputs, y.n, y.h, y.w);
  KARYON_CHECK(packed[0].columns() == whole_groups(y.c) && y.pitch >= whole_groups(y.c),
               "an int8 transposed convolution's output has other channels than its kernel");
  const auto requantise = requantise_variants().front().compute;
  for (int phase = 0; phase < 4; ++phase) {
    const ProductGrid grid{y.n, y.h / 2, y.w / 2, 1, y.h, y.w, 2, phase / 2, phase % 2};
    for_each_tile(stream, inputs, pads, packed[static_cast<std::size_t>(phase)], grid,
                  [&](const std::int64_t* pixels, int rows, int column, int columns, const std::int32_t* sums) {
                    std::uint8_t* to[kTileRows];
                    for (int r = 0; r < rows; ++r) to[r] = y.pixel(pixels[r]) + column;
                    requantise({sums, rows, columns, output.scale + column, nullptr, to}, output);
                  });
  }
}

PackedProduct pack_head_int8(const std::int8_t* kernel, const std::int32_t* bias, std::span<const int> channels,
                             std::span<const int> zeros, int out) {
  const Kernel k(kernel, channels, zeros, out);
  std::vector<ProductTap> taps;
  for (int dy = 0; dy >= -1; --dy) {
    for (int dx = 0; dx >= -1; --dx) {
      for (std::size_t input = 0; input < channels.size(); ++input) taps.push_back({static_cast<int>(input), dy, dx});
    }
  }
  // Column (row parity, column parity, output): what lies side by side in y does so here.
  std::vector<std::int32_t> biases;
  for (int column = 0; column < 4 * out; ++column) {
    const int phase = column / out, o = column % out;
    biases.push_back(bias[o] - k.zero_products(phase / 2, phase % 2, o));
  }
  const auto weight = [&, taps](int tap, int c, int column) -> std::int8_t {
    const ProductTap& t = taps[static_cast<std::size_t>(tap)];
    const int phase = column / out, r = kernel_index(phase / 2, t.dy), s = kernel_index(phase % 2, t.dx);
    return r < 0 || s < 0 ? std::int8_t{0} : k.at(r, s, column % out, t.input, c);
  };
  return PackedProduct(taps, channels, 4 * out, weight, std::move(biases));
}

void head_int8(const Stream& stream, std::span<const ConstByteView> inputs, std::span<const std::uint8_t* const> pads,
               const PackedProduct& packed, const float* scale, FloatView y) {
  check_shapes(inputs, y.n, y.h, y.w);
  KARYON_CHECK(packed.columns() == whole_groups(4 * y.c) && y.dense(),
               "an int8 head's output is not dense or has other channels than its kernel");
  const ProductGrid grid{y.n, y.h / 2, y.w / 2, 1, y.h, y.w, 2};
  const int line = 2 * y.c;  // numbers that lie side by side in a row of y
  std::vector<float> scales(static_cast<std::size_t>(2 * line));
  for (std::size_t k = 0; k < scales.size(); ++k) scales[k] = scale[k % static_cast<std::size_t>(y.c)];
  for_each_tile(stream, inputs, pads, packed, grid,
                [&](const std::int64_t* pixels, int rows, int column, int columns, const std::int32_t* sums) {
                  for (int below = 0; below < 2; ++below) {
                    const int begin = std::max(column, below * line);
                    const int end = std::min(column + columns, (below + 1) * line);
                    for (int r = 0; r < rows; ++r) {
                      float* to = y.pixel(pixels[r] + std::int64_t{below} * y.w) - below * line;
                      const std::int32_t* from = sums + r * columns - column;
                      for (int k = begin; k < end; ++k) {
                        to[k] = static_cast<float>(from[k]) * scales[static_cast<std::size_t>(k)];
                      }
                    }
                  }
                });
}

}  // namespace karyon
