// Resizing against a naive reference in double, and against values that TensorFlow gives.
#include "kernels/resize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "tests/op_case.h"

namespace karyon::testing {
namespace {

struct ResizeCase {
  int n, h, w, c, out_h, out_w;
  Slice x = {}, y = {};
  [[nodiscard]] Shape from() const { return {n, h, w, c}; }
  [[nodiscard]] Shape to() const { return {n, out_h, out_w, c}; }
  [[nodiscard]] std::string name() const { return text(from()) + " to " + text(to()); }
};

using Reference = std::function<Expected(std::int64_t)>;

/// tf.image.resize(method="bilinear", antialias=False) of one pixel, from the formula.
double bilinear_reference(const Array& x, int n, double row, double column, int ch) {
  const auto clamped = [&](double v, double u) {
    const int y_at = static_cast<int>(std::clamp(v, 0.0, x.shape[1] - 1.0)),
              x_at = static_cast<int>(std::clamp(u, 0.0, x.shape[2] - 1.0));
    return x.at(n, y_at, x_at, ch);
  };
  const double top = std::floor(row), left = std::floor(column), wy = row - top, wx = column - left;
  return (1 - wy) * ((1 - wx) * clamped(top, left) + wx * clamped(top, left + 1)) +
         wy * ((1 - wx) * clamped(top + 1, left) + wx * clamped(top + 1, left + 1));
}

Reference blended(const ResizeCase& k, const Array& x, double tolerance) {
  return [k, x, tolerance](std::int64_t i) {
    const auto [n, p, q, ch] = reference::unravel(k.to(), i);
    const double row = (p + 0.5) * k.h / k.out_h - 0.5, column = (q + 0.5) * k.w / k.out_w - 0.5;
    return Expected{bilinear_reference(x, n, row, column, ch), tolerance};
  };
}

OpCase bilinear(const ResizeCase& k, const Array& x, Reference expected) {
  return {.name = "bilinear " + k.name(),
          .arguments = {input("x", x, k.x), output("y", k.to(), std::move(expected), k.y)},
          .run = [](Stream& stream, Arguments& a) {
            ON_DEVICE(resize_bilinear, stream, ConstFloatView(a.view("x")), a.view("y"));
          }};
}

enum class OfBytes : std::uint8_t { bilinear, nearest };

OpCase of_bytes(const ResizeCase& k, const Array& x, Reference expected, OfBytes method) {
  return {.name = "bytes " + k.name(),
          .arguments = {input("x", x, k.x, Element::u8), output("y", k.to(), std::move(expected), k.y, Element::u8)},
          .run = [method](Stream& stream, Arguments& a) {
            const View<const std::uint8_t> from = a.view<std::uint8_t>("x");
            if (method == OfBytes::bilinear) {
              ON_DEVICE(resize_bilinear, stream, from, a.view<std::uint8_t>("y"));
            } else {
              ON_DEVICE(resize_nearest, stream, from, a.view<std::uint8_t>("y"));
            }
          }};
}

Array random_bytes(const Shape& shape) {
  RandomStream random(9, Purpose::bench);
  return reference::build(shape, [&](int, int, int, int) { return random.below(256); });
}

/// What is wrong where `x`, of one image and channel, must become `y`, exactly.
std::string resized(const std::vector<double>& x, const std::vector<double>& y, const ResizeCase& k) {
  Array image(k.from());
  image.values = x;
  return faults(bilinear(k, image, [y](std::int64_t i) { return Expected{y[static_cast<std::size_t>(i)], 0}; }));
}

TEST(ResizeBilinear, TensorFlowsValues) {
  EXPECT_EQ(resized({0, 10}, {0, 2.5, 7.5, 10}, {1, 1, 2, 1, 1, 4}), "");
  EXPECT_EQ(resized({0, 10}, {0, 2.5, 7.5, 10}, {1, 2, 1, 1, 4, 1}), "");
  EXPECT_EQ(resized({0, 1, 2, 3}, {0.5, 2.5}, {1, 1, 4, 1, 1, 2}), "");  // no antialias: neighbours alone
  EXPECT_EQ(resized({0, 1, 2, 3, 4, 5, 6, 7}, {1.5, 5.5}, {1, 1, 8, 1, 1, 2}), "");
  EXPECT_EQ(resized({1, 2, 3, 4}, {2.5}, {1, 2, 2, 1, 1, 1}), "");
  EXPECT_EQ(resized({7}, std::vector<double>(6, 7), {1, 1, 1, 1, 2, 3}), "");
}

TEST(ResizeBilinear, AgreesWithTheReferenceAndLeavesTheGapsAlone) {
  for (ResizeCase k : std::vector<ResizeCase>{{1, 7, 5, 1, 13, 9},
                                              {2, 16, 16, 3, 8, 8},
                                              {1, 1, 1, 2, 5, 3},
                                              {3, 9, 31, 2, 31, 9},
                                              {1, 33, 17, 5, 7, 40},
                                              {1, 128, 128, 2, 65, 90},
                                              {2, 4, 6, 31, 4, 6},
                                              {1, 260, 347, 3, 128, 128}}) {
    RandomStream random(11, Purpose::bench);
    const Array x =
        reference::build(k.from(), [&](int, int, int, int) { return static_cast<double>(random.uniform(-100, 100)); });
    // Positions are rounded to float; a slope of at most 200 a pixel turns that into this much.
    const double tolerance = 200.0 * std::max(k.h, k.w) * 4 * std::numeric_limits<float>::epsilon() + 1e-4;
    for (const int gap : {0, 3}) {
      k.x = k.y = {0, gap};
      EXPECT_EQ(faults(bilinear(k, x, blended(k, x, tolerance))), "");
    }
  }
}

TEST(ResizeBilinear, BytesAreBlendedInFloatAndRounded) {
  for (const ResizeCase& k : std::vector<ResizeCase>{{1, 7, 5, 3, 13, 9},
                                                     {2, 16, 16, 3, 8, 8},
                                                     {1, 1, 1, 3, 5, 3},
                                                     {3, 31, 33, 4, 9, 64},
                                                     {2, 7, 5, 2, 4, 6, {1, 2}, {3, 0}}}) {
    const Array x = random_bytes(k.from());
    // Half a step of rounding, and what the positions in float make of a slope of 255.
    EXPECT_EQ(faults(of_bytes(k, x, blended(k, x, 0.502), OfBytes::bilinear)), "");
  }
}

TEST(ResizeNearest, TakesTheFloorOfTheCentre) {
  for (const ResizeCase& k : std::vector<ResizeCase>{{1, 7, 5, 1, 13, 9},
                                                     {2, 16, 16, 1, 8, 8},
                                                     {1, 1, 1, 2, 5, 3},
                                                     {1, 31, 33, 3, 9, 64},
                                                     {2, 7, 5, 2, 4, 6, {1, 2}, {3, 0}}}) {
    const Array x = random_bytes(k.from());
    const auto nearest = [k, x](std::int64_t i) {
      const auto [n, p, q, ch] = reference::unravel(k.to(), i);
      // In whole numbers: floor((2p + 1) h / (2 out_h)).
      return Expected{x.at(n, (2 * p + 1) * k.h / (2 * k.out_h), (2 * q + 1) * k.w / (2 * k.out_w), ch), 0};
    };
    EXPECT_EQ(faults(of_bytes(k, x, nearest, OfBytes::nearest)), "");
  }
}

}  // namespace
}  // namespace karyon::testing
