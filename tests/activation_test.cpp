// ReLU and ReLU6 as passes of their own.
#include "kernels/activation.h"

#include <cmath>
#include <iterator>

#include <gtest/gtest.h>

#include "tests/op_case.h"
#include "tests/reference/activation.h"

namespace karyon::testing {
namespace {

constexpr Activation kActivations[] = {Activation::none, Activation::relu, Activation::relu6};

struct ActivationCase {
  Shape shape;
  Slice in, out;
};

std::vector<ActivationCase> cases() {
  return {{{1, 1, 1, 1}, {}, {}},           {{2, 7, 5, 31}, {}, {}},        {{2, 7, 5, 33}, {3, 2}, {0, 5}},
          {{1, 7, 5, 257}, {0, 1}, {1, 0}}, {{3, 16, 16, 32}, {32, 0}, {}}, {{1, 1, 1, 64}, {}, {8, 8}}};
}

// Normal numbers wide enough to pass 6, with the kinks themselves and their neighbours in front.
Array arguments(const Shape& shape, std::uint32_t item) {
  RandomStream random(6, Purpose::bench, item);
  Array x = random_array(shape, random);
  for (double& v : x.values) v *= 4;
  const double kinks[] = {0.0, -0.0, 6.0, static_cast<double>(std::nextafter(6.0F, 0.0F)), 1e-30, -1e-30};
  for (std::size_t i = 0; i < x.values.size() && i < std::size(kinks); ++i) x.values[i] = kinks[i];
  for (double& v : x.values) v = static_cast<double>(static_cast<float>(v));
  return x;
}

std::function<Expected(std::int64_t)> forward_values(const Array& x, Activation act) {
  return [x, act](std::int64_t i) {
    return Expected{reference::activate(act, x.values[static_cast<std::size_t>(i)]), 0};
  };
}

std::function<Expected(std::int64_t)> backward_values(const Array& dy, const Array& y, Activation act) {
  return [dy, y, act](std::int64_t i) {
    const auto k = static_cast<std::size_t>(i);
    return Expected{dy.values[k] * reference::activation_slope(act, y.values[k]), 0};
  };
}

// The result as backward gets it: what forward stored.
Array result(const Shape& shape, Activation act) {
  Array y = arguments(shape, 0);
  for (double& v : y.values) v = reference::activate(act, v);
  return y;
}

TEST(ActivationReference, GradientsAgreeWithDifferences) {
  for (const Activation act : kActivations) {
    Array x = arguments({1, 3, 3, 4}, 0);
    for (double& v : x.values) {  // differences mean nothing across a kink
      if (std::abs(v) < 1e-3 || std::abs(v - 6) < 1e-3) v = 1;
    }
    const GradientCase op{.name = text(act),
                          .inputs = {x},
                          .forward =
                              [act](const std::vector<Array>& in) {
                                Array y = in[0];
                                for (double& v : y.values) v = reference::activate(act, v);
                                return y;
                              },
                          .backward =
                              [act](const std::vector<Array>& in, const Array& dy) {
                                Array dx = dy;
                                for (std::size_t i = 0; i < dx.values.size(); ++i) {
                                  dx.values[i] *= reference::activation_slope(act, in[0].values[i]);
                                }
                                return std::vector<Array>{dx};
                              }};
    EXPECT_EQ(gradient_faults(op), "");
  }
}

TEST(Activation, Forward) {
  for (const Activation act : kActivations) {
    for (const ActivationCase& c : cases()) {
      const Array x = arguments(c.shape, 0);
      EXPECT_EQ(faults({.name = text(act) + " " + text(c.shape),
                        .arguments = {input("x", x, c.in), output("y", c.shape, forward_values(x, act), c.out)},
                        .run =
                            [act](Stream& stream, Arguments& a) {
                              ON_DEVICE(activation_forward, stream, a.view("x"), act, a.view("y"));
                            }}),
                "");
    }
  }
}

TEST(Activation, ForwardInPlace) {
  for (const Activation act : kActivations) {
    for (const ActivationCase& c : cases()) {
      const Array x = arguments(c.shape, 0);
      EXPECT_EQ(faults({.name = text(act) + " in place " + text(c.shape),
                        .arguments = {in_place("y", x, forward_values(x, act), c.in)},
                        .run =
                            [act](Stream& stream, Arguments& a) {
                              ON_DEVICE(activation_forward, stream, a.view("y"), act, a.view("y"));
                            }}),
                "");
    }
  }
}

TEST(Activation, Backward) {
  for (const Activation act : kActivations) {
    for (const ActivationCase& c : cases()) {
      const Array y = result(c.shape, act), dy = arguments(c.shape, 1);
      EXPECT_EQ(faults({.name = text(act) + " backward " + text(c.shape),
                        .arguments = {input("dy", dy, c.in), input("y", y, c.out),
                                      output("dx", c.shape, backward_values(dy, y, act), c.out)},
                        .run =
                            [act](Stream& stream, Arguments& a) {
                              ON_DEVICE(activation_backward, stream, a.view("dy"), a.view("y"), act, a.view("dx"));
                            }}),
                "");
      EXPECT_EQ(faults({.name = text(act) + " backward in place " + text(c.shape),
                        .arguments = {input("y", y, c.out), in_place("dx", dy, backward_values(dy, y, act), c.in)},
                        .run =
                            [act](Stream& stream, Arguments& a) {
                              ON_DEVICE(activation_backward, stream, a.view("dx"), a.view("y"), act, a.view("dx"));
                            }}),
                "");
    }
  }
}

}  // namespace
}  // namespace karyon::testing
