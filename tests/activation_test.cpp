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
  for (double& v : x.values) v = as_stored(v);
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

constexpr Element kStored = Element::activation;

OpCase forward(const ActivationCase& c, Activation act) {
  const Array x = arguments(c.shape, 0);
  return {.name = text(act) + " " + text(c.shape),
          .arguments = {input("x", x, c.in, kStored), output("y", c.shape, forward_values(x, act), c.out, kStored)},
          .run = [act](Stream& stream, Arguments& a) {
            with_type(a.type("x"), [&]<class T>() {
              ON_DEVICE_AS((T), activation_forward, stream, a.view<T>("x"), act, a.view<T>("y"));
            });
          }};
}

OpCase forward_in_place(const ActivationCase& c, Activation act) {
  const Array x = arguments(c.shape, 0);
  return {.name = text(act) + " in place " + text(c.shape),
          .arguments = {in_place("y", x, forward_values(x, act), c.in, kStored)},
          .run = [act](Stream& stream, Arguments& a) {
            with_type(a.type("y"), [&]<class T>() {
              ON_DEVICE_AS((T), activation_forward, stream, a.view<T>("y"), act, a.view<T>("y"));
            });
          }};
}

/// dx beside dy, or onto it.
OpCase backward(const ActivationCase& c, Activation act, bool in_place_of_dy) {
  const Array y = result(c.shape, act), dy = arguments(c.shape, 1);
  const auto expected = backward_values(dy, y, act);
  std::vector<Argument> bound{input("y", y, c.out, kStored)};
  if (in_place_of_dy) {
    bound.push_back(in_place("dy", dy, expected, c.in, kStored));
  } else {
    bound.push_back(input("dy", dy, c.in, kStored));
    bound.push_back(output("dx", c.shape, expected, c.out, kStored));
  }
  return {.name = text(act) + " backward " + text(c.shape),
          .arguments = std::move(bound),
          .run = [act, dx = in_place_of_dy ? "dy" : "dx"](Stream& stream, Arguments& a) {
            with_type(a.type("y"), [&]<class T>() {
              ON_DEVICE_AS((T), activation_backward, stream, a.view<T>("dy"), a.view<T>("y"), act, a.view<T>(dx));
            });
          }};
}

TEST(Activation, Forward) {
  for (const Activation act : kActivations) {
    for (const ActivationCase& c : cases()) EXPECT_EQ(faults(forward(c, act)), "");
  }
}

TEST(Activation, ForwardInPlace) {
  for (const Activation act : kActivations) {
    for (const ActivationCase& c : cases()) EXPECT_EQ(faults(forward_in_place(c, act)), "");
  }
}

TEST(Activation, Backward) {
  for (const Activation act : kActivations) {
    for (const ActivationCase& c : cases()) {
      EXPECT_EQ(faults(backward(c, act, false)), "");
      EXPECT_EQ(faults(backward(c, act, true)), "");
    }
  }
}

TEST(Activation, InBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  for (const Activation act : kActivations) {
    for (const ActivationCase& c : cases()) {
      EXPECT_EQ(faults(forward(c, act)), "");
      EXPECT_EQ(faults(backward(c, act, true)), "");
    }
  }
}

}  // namespace
}  // namespace karyon::testing
