// Resizing against a naive reference in double, and against values that TensorFlow gives.
#include "kernels/resize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "engine/memory.h"
#include "engine/random.h"

namespace karyon {
namespace {

/// tf.image.resize(method="bilinear", antialias=False) of one pixel, from the formula.
double bilinear_reference(ConstFloatView x, int n, double row, double column, int ch) {
  const auto clamped = [&](double v, double u) {
    const int y_at = static_cast<int>(std::clamp(v, 0.0, x.h - 1.0)),
              x_at = static_cast<int>(std::clamp(u, 0.0, x.w - 1.0));
    return static_cast<double>(x.at(n, y_at, x_at)[ch]);
  };
  const double top = std::floor(row), left = std::floor(column), wy = row - top, wx = column - left;
  return (1 - wy) * ((1 - wx) * clamped(top, left) + wx * clamped(top, left + 1)) +
         wy * ((1 - wx) * clamped(top + 1, left) + wx * clamped(top + 1, left + 1));
}

std::vector<float> resized(const std::vector<float>& x, int h, int w, int out_h, int out_w) {
  Allocator memory;
  Stream stream(Device{}, 1, memory);
  std::vector<float> y(static_cast<std::size_t>(out_h * out_w));
  ON_DEVICE(resize_bilinear, stream, ConstFloatView(x.data(), 1, h, w, 1), FloatView(y.data(), 1, out_h, out_w, 1));
  return y;
}

TEST(ResizeBilinear, TensorFlowsValues) {
  EXPECT_EQ(resized({0, 10}, 1, 2, 1, 4), (std::vector<float>{0, 2.5F, 7.5F, 10}));
  EXPECT_EQ(resized({0, 10}, 2, 1, 4, 1), (std::vector<float>{0, 2.5F, 7.5F, 10}));
  EXPECT_EQ(resized({0, 1, 2, 3}, 1, 4, 1, 2), (std::vector<float>{0.5F, 2.5F}));  // no antialias: neighbours alone
  EXPECT_EQ(resized({0, 1, 2, 3, 4, 5, 6, 7}, 1, 8, 1, 2), (std::vector<float>{1.5F, 5.5F}));
  EXPECT_EQ(resized({1, 2, 3, 4}, 2, 2, 1, 1), (std::vector<float>{2.5F}));
  EXPECT_EQ(resized({7}, 1, 1, 2, 3), (std::vector<float>(6, 7)));
}

TEST(ResizeBilinear, AgreesWithTheReferenceAndLeavesTheGapsAlone) {
  struct Case {
    int n, h, w, c, out_h, out_w;
  };
  const Case cases[] = {{1, 7, 5, 1, 13, 9},  {2, 16, 16, 3, 8, 8},      {1, 1, 1, 2, 5, 3},
                        {3, 9, 31, 2, 31, 9}, {1, 33, 17, 5, 7, 40},     {1, 128, 128, 2, 65, 90},
                        {2, 4, 6, 31, 4, 6},  {1, 260, 347, 3, 128, 128}};
  for (const Case& k : cases) {
    for (const int gap : {0, 3}) {
      for (const int threads : {1, 3}) {
        RandomStream random(11, Purpose::bench);
        const int pitch = k.c + gap;
        std::vector<float> x(static_cast<std::size_t>(k.n * k.h * k.w * pitch));
        for (float& value : x) value = random.uniform(-100, 100);
        std::vector<float> y(static_cast<std::size_t>(k.n * k.out_h * k.out_w * pitch), 12345.0F);
        const ConstFloatView from(x.data(), k.n, k.h, k.w, k.c, pitch);
        const FloatView to(y.data(), k.n, k.out_h, k.out_w, k.c, pitch);
        Allocator memory;
        Stream stream(Device{}, threads, memory);
        ON_DEVICE(resize_bilinear, stream, from, to);
        // Positions are rounded to float; a slope of at most 200 a pixel turns that into this much.
        const double tolerance = 200.0 * std::max(k.h, k.w) * 4 * std::numeric_limits<float>::epsilon() + 1e-4;
        for (int n = 0; n < k.n; ++n) {
          for (int p = 0; p < k.out_h; ++p) {
            for (int q = 0; q < k.out_w; ++q) {
              const double row = (p + 0.5) * k.h / k.out_h - 0.5, column = (q + 0.5) * k.w / k.out_w - 0.5;
              for (int ch = 0; ch < pitch; ++ch) {
                const double want = ch < k.c ? bilinear_reference(from, n, row, column, ch) : 12345.0;
                ASSERT_NEAR(to.at(n, p, q)[ch], want, tolerance) << n << ' ' << p << ' ' << q << ' ' << ch;
              }
            }
          }
        }
      }
    }
  }
}

TEST(ResizeBilinear, BytesAreBlendedInFloatAndRounded) {
  struct Case {
    int n, h, w, c, out_h, out_w;
  };
  const Case cases[] = {{1, 7, 5, 3, 13, 9}, {2, 16, 16, 3, 8, 8}, {1, 1, 1, 3, 5, 3}, {3, 31, 33, 4, 9, 64}};
  Allocator memory;
  Stream stream(Device{}, 2, memory);
  for (const Case& k : cases) {
    RandomStream random(9, Purpose::bench);
    std::vector<std::uint8_t> x(static_cast<std::size_t>(k.n * k.h * k.w * k.c));
    for (std::uint8_t& value : x) value = static_cast<std::uint8_t>(random.below(256));
    const std::vector<float> exact(x.begin(), x.end());
    std::vector<std::uint8_t> y(static_cast<std::size_t>(k.n * k.out_h * k.out_w * k.c));
    const ConstFloatView from(exact.data(), k.n, k.h, k.w, k.c);
    const View<std::uint8_t> to(y.data(), k.n, k.out_h, k.out_w, k.c);
    ON_DEVICE(resize_bilinear, stream, View<const std::uint8_t>(x.data(), k.n, k.h, k.w, k.c), to);
    for (int n = 0; n < k.n; ++n) {
      for (int p = 0; p < k.out_h; ++p) {
        for (int q = 0; q < k.out_w; ++q) {
          const double row = (p + 0.5) * k.h / k.out_h - 0.5, column = (q + 0.5) * k.w / k.out_w - 0.5;
          // Half a step of rounding, and what the positions in float make of a slope of 255.
          for (int ch = 0; ch < k.c; ++ch) {
            ASSERT_NEAR(to.at(n, p, q)[ch], bilinear_reference(from, n, row, column, ch), 0.502) << p << ' ' << q;
          }
        }
      }
    }
  }
}

TEST(ResizeNearest, TakesTheFloorOfTheCentre) {
  Allocator memory;
  Stream stream(Device{}, 2, memory);
  struct Case {
    int n, h, w, c, out_h, out_w;
  };
  const Case cases[] = {{1, 7, 5, 1, 13, 9}, {2, 16, 16, 1, 8, 8}, {1, 1, 1, 2, 5, 3}, {1, 31, 33, 3, 9, 64}};
  for (const Case& k : cases) {
    std::vector<std::uint8_t> x(static_cast<std::size_t>(k.n * k.h * k.w * k.c));
    RandomStream random(5, Purpose::bench);
    for (std::uint8_t& value : x) value = static_cast<std::uint8_t>(random.below(256));
    std::vector<std::uint8_t> y(static_cast<std::size_t>(k.n * k.out_h * k.out_w * k.c));
    const View<const std::uint8_t> from(x.data(), k.n, k.h, k.w, k.c);
    const View<std::uint8_t> to(y.data(), k.n, k.out_h, k.out_w, k.c);
    ON_DEVICE(resize_nearest, stream, from, to);
    for (int n = 0; n < k.n; ++n) {
      for (int p = 0; p < k.out_h; ++p) {
        for (int q = 0; q < k.out_w; ++q) {
          // In whole numbers: floor((2p + 1) h / (2 out_h)).
          const int row = (2 * p + 1) * k.h / (2 * k.out_h), column = (2 * q + 1) * k.w / (2 * k.out_w);
          for (int ch = 0; ch < k.c; ++ch) ASSERT_EQ(to.at(n, p, q)[ch], from.at(n, row, column)[ch]) << p << ' ' << q;
        }
      }
    }
  }
}

}  // namespace
}  // namespace karyon
