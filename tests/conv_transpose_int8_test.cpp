// Transposed convolution of bytes against sums one by one: bit for bit, on any number of threads.
#include "kernels/conv_transpose_int8.h"

#include <gtest/gtest.h>

#include "engine/context.h"
#include "tests/reference/int8.h"

namespace karyon::testing {
namespace {

struct Case {
  int n, h, w;
  std::vector<int> channels, zeros;
  int out;
};

/// Inputs and kernel, and every sum as the header says it: each input pixel's products go to nine outputs.
struct Operands {
  std::vector<ByteImage> images;
  std::vector<std::vector<std::uint8_t>> pads;
  std::vector<std::int8_t> kernel;
  std::vector<std::int32_t> bias;
  std::vector<float> scale;
  std::vector<std::int64_t> sums;  // [n][2h][2w][out]
  std::vector<ConstByteView> views;
  std::vector<const std::uint8_t*> outside;

  explicit Operands(const Case& c) {
    RandomStream random(4, Purpose::bench);
    int in = 0;
    for (std::size_t k = 0; k < c.channels.size(); ++k) {
      images.emplace_back(c.n, c.h, c.w, c.channels[k], whole_groups(c.channels[k]));
      fill_random(images.back(), random);
      pads.emplace_back(static_cast<std::size_t>(whole_groups(c.channels[k])), static_cast<std::uint8_t>(c.zeros[k]));
      in += c.channels[k];
    }
    for (std::size_t k = 0; k < images.size(); ++k) {
      views.emplace_back(images[k].view());
      outside.push_back(pads[k].data());
    }
    kernel = random_weights(static_cast<std::size_t>(9 * c.out * in), random);
    bias = random_bias(static_cast<std::size_t>(c.out), random);
    scale = random_scale(c.out, 2 * in, random);
    const auto at = [&](int n, int p, int q, int o) {
      return static_cast<std::size_t>(((n * 2 * c.h + p) * 2 * c.w + q) * c.out + o);
    };
    sums.resize(at(c.n - 1, 2 * c.h - 1, 2 * c.w - 1, c.out - 1) + 1);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = bias[i % bias.size()];
    for (int n = 0; n < c.n; ++n) {
      for (int i = 0; i < c.h; ++i) {
        for (int j = 0; j < c.w; ++j) {
          for (int tap = 0; tap < 9; ++tap) {
            const int p = 2 * i + tap / 3, q = 2 * j + tap % 3;
            if (p >= 2 * c.h || q >= 2 * c.w) continue;
            for (int o = 0; o < c.out; ++o) {
              int before = 0;
              for (std::size_t k = 0; k < images.size(); ++k) {
                for (int ch = 0; ch < c.channels[k]; ++ch) {
                  sums[at(n, p, q, o)] += (images[k].at(n, i, j, ch) - c.zeros[k]) *
                                          kernel[static_cast<std::size_t>((tap * c.out + o) * in + before + ch)];
                }
                before += c.channels[k];
              }
            }
          }
        }
      }
    }
  }
};

void check(const Case& c) {
  const Operands a(c);
  for (const int threads : {1, 2, 3}) {
    Context context(Device{}, threads);
    const ByteOutput output{.scale = a.scale.data(), .zero = 10, .low = 10, .high = 240};
    ByteImage y(c.n, 2 * c.h, 2 * c.w, c.out, whole_groups(c.out));
    conv_transpose_int8(context.stream(), a.views, a.outside,
                        pack_conv_transpose_int8(a.kernel.data(), a.bias.data(), c.channels, c.zeros, c.out), output,
                        y.view());
    std::vector<float> logits(a.sums.size());
    head_int8(context.stream(), a.views, a.outside,
              pack_head_int8(a.kernel.data(), a.bias.data(), c.channels, c.zeros, c.out), a.scale.data(),
              FloatView(logits.data(), c.n, 2 * c.h, 2 * c.w, c.out));
    for (std::size_t i = 0; i < a.sums.size(); ++i) {
      const auto o = static_cast<int>(i % static_cast<std::size_t>(c.out));
      const auto pixel = static_cast<std::int64_t>(i / static_cast<std::size_t>(c.out));
      const float scale = a.scale[static_cast<std::size_t>(o)];
      ASSERT_EQ(int{y.view().pixel(pixel)[o]}, reference::requantise(a.sums[i], scale, output, nullptr))
          << threads << " threads, pixel " << pixel << ", output " << o;
      ASSERT_EQ(logits[i], static_cast<float>(a.sums[i]) * scale)
          << threads << " threads, pixel " << pixel << ", output " << o;
    }
  }
}

TEST(ConvTransposeInt8, OneInput) {
  check({.n = 1, .h = 1, .w = 1, .channels = {1}, .zeros = {0}, .out = 1});
  check({.n = 3, .h = 5, .w = 3, .channels = {33}, .zeros = {0}, .out = 65});
}

TEST(ConvTransposeInt8, AnInputWhoseZeroIsNotZero) {
  check({.n = 2, .h = 4, .w = 4, .channels = {40}, .zeros = {131}, .out = 70});
}

TEST(ConvTransposeInt8, TwoInputs) {
  check({.n = 2, .h = 7, .w = 9, .channels = {20, 17}, .zeros = {0, 0}, .out = 3});
  check({.n = 1, .h = 8, .w = 6, .channels = {64, 96}, .zeros = {0, 255}, .out = 2});
  check({.n = 1, .h = 2, .w = 3, .channels = {5, 6}, .zeros = {7, 0}, .out = 20});
}

}  // namespace
}  // namespace karyon::testing
