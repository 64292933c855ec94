// Convolution of bytes against sums one by one: bit for bit, on any number of threads.
#include "kernels/conv_int8.h"

#include <gtest/gtest.h>

#include "engine/context.h"
#include "tests/reference/int8.h"

namespace karyon::testing {
namespace {

struct Case {
  int n, h, w, in, out;
  ConvGeometry g;
  bool residual = false;
  int x_pitch = 0;  // 0: whole groups
};

void check(const Case& c, int threads) {
  RandomStream random(3, Purpose::bench);
  ByteImage x(c.n, c.h, c.w, c.in, c.x_pitch > 0 ? c.x_pitch : whole_groups(c.in));
  fill_random(x, random);
  const int taps = c.g.kernel_h * c.g.kernel_w, oh = c.g.out_h(c.h), ow = c.g.out_w(c.w);
  const auto kernel = random_weights(static_cast<std::size_t>(taps * c.in * c.out), random);
  const auto bias = random_bias(static_cast<std::size_t>(c.out), random);
  const auto scale = random_scale(c.out, taps * c.in, random);
  ByteImage y(c.n, oh, ow, c.out, whole_groups(c.out) + (c.residual ? 16 : 0));
  fill_random(y, random);
  const ByteImage before = y;
  std::vector<std::uint8_t> pad(static_cast<std::size_t>(whole_groups(c.in)));
  for (std::uint8_t& byte : pad) byte = static_cast<std::uint8_t>(random.next_u32());
  const ByteOutput output{.scale = scale.data(), .zero = 90, .low = 20, .high = 200, .residual_scale = 0.37F};
  Context context(Device{}, threads);
  conv_int8(context.stream(), x.view(), pad.data(), pack_conv_int8(kernel.data(), bias.data(), c.in, c.out, c.g), c.g,
            output, c.residual ? ConstByteView(y.view()) : ConstByteView(), y.view());
  for (int n = 0; n < c.n; ++n) {
    for (int p = 0; p < oh; ++p) {
      for (int q = 0; q < ow; ++q) {
        for (int o = 0; o < c.out; ++o) {
          std::int64_t sum = bias[static_cast<std::size_t>(o)];
          for (int tap = 0; tap < taps; ++tap) {
            const int i = p * c.g.stride_h - c.g.pad.top + tap / c.g.kernel_w;
            const int j = q * c.g.stride_w - c.g.pad.left + tap % c.g.kernel_w;
            const bool inside = i >= 0 && i < c.h && j >= 0 && j < c.w;
            for (int ch = 0; ch < c.in; ++ch) {
              const int value = inside ? x.at(n, i, j, ch) : pad[static_cast<std::size_t>(ch)];
              sum += value * kernel[static_cast<std::size_t>((tap * c.in + ch) * c.out + o)];
            }
          }
          const int residual = before.at(n, p, q, o);
          ASSERT_EQ(y.at(n, p, q, o), reference::requantise(sum, scale[static_cast<std::size_t>(o)], output,
                                                            c.residual ? &residual : nullptr))
              << threads << " threads, " << n << " " << p << " " << q << " " << o;
        }
      }
    }
  }
  for (int i = 0; i < y.n * y.h * y.w && c.residual; ++i) {
    for (int ch = whole_groups(c.out); ch < y.pitch; ++ch) {
      ASSERT_EQ(y.view().pixel(i)[ch], before.view().pixel(i)[ch]) << "written beyond the whole groups";
    }
  }
}

void check(const Case& c) {
  for (const int threads : {1, 2, 3}) check(c, threads);
}

TEST(ConvInt8, OneByOne) {
  check({.n = 1, .h = 1, .w = 1, .in = 1, .out = 1, .g = {}});
  check({.n = 3, .h = 5, .w = 7, .in = 24, .out = 144, .g = {}});
  check({.n = 2, .h = 31, .w = 33, .in = 33, .out = 17, .g = {}});
  check({.n = 1, .h = 4, .w = 4, .in = 257, .out = 320, .g = {}});
  check({.n = 2, .h = 3, .w = 4, .in = 8, .out = 9, .g = {1, 1, 1, 1, {0, 1, 0, 2}}});
}

TEST(ConvInt8, TheResidualMayBeTheOutput) {
  check({.n = 2, .h = 9, .w = 11, .in = 96, .out = 24, .g = {}, .residual = true});
  check({.n = 1, .h = 3, .w = 5, .in = 31, .out = 70, .g = {}, .residual = true});
}

TEST(ConvInt8, AStemOverPicturesWithoutPadding) {
  const ConvGeometry same{3, 3, 2, 2, {0, 1, 0, 1}}, symmetric{3, 3, 2, 2, {1, 1, 1, 1}};
  check({.n = 2, .h = 32, .w = 34, .in = 3, .out = 32, .g = same, .x_pitch = 3});
  check({.n = 1, .h = 32, .w = 32, .in = 3, .out = 16, .g = symmetric, .x_pitch = 3});
  check({.n = 1, .h = 7, .w = 5, .in = 5, .out = 3, .g = {3, 2, 1, 1, {2, 1, 0, 2}}});
}

}  // namespace
}  // namespace karyon::testing
