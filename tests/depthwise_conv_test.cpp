// Depthwise convolution and its gradients: the reference against its own differences, the kernels against it.
#include "kernels/depthwise_conv.h"

#include <memory>

#include <gtest/gtest.h>

#include "tests/conv_geometries.h"
#include "tests/op_case.h"
#include "tests/reference/depthwise_conv.h"

namespace karyon::testing {
namespace {

constexpr Element kStored = Element::activation;

struct DepthwiseCase {
  int n = 1, h = 1, w = 1, c = 1;
  ConvGeometry g = {};
  bool bias = true;
  Activation act = Activation::none;
  Slice x = {}, y = {};
  std::int64_t sample = 0;

  [[nodiscard]] Shape x_shape() const { return {n, h, w, c}; }
  [[nodiscard]] Shape kernel_shape() const { return {1, g.kernel_h, g.kernel_w, c}; }
  [[nodiscard]] Shape y_shape() const { return {n, g.out_h(h), g.out_w(w), c}; }
  [[nodiscard]] std::string name() const { return text(x_shape()) + " " + text(g) + " " + text(act); }
};

struct Operands {
  Array x, kernel, bias, dy;
};

std::shared_ptr<const Operands> operands(const DepthwiseCase& c) {
  RandomStream random(4, Purpose::bench);
  auto o = std::make_shared<Operands>();
  o->x = random_array(c.x_shape(), random);
  o->kernel = random_array(c.kernel_shape(), random);
  o->dy = random_array(c.y_shape(), random);
  if (c.bias) o->bias = random_array({1, 1, 1, c.c}, random);
  return o;
}

// Taps inside the image, times images and channels.
double multiply_adds(const DepthwiseCase& c) {
  const DepthwiseCase ones{.n = 1, .h = c.h, .w = c.w, .c = 1, .g = c.g};
  Array x(ones.x_shape()), kernel(ones.kernel_shape());
  for (double& v : x.values) v = 1;
  for (double& v : kernel.values) v = 1;
  double taps = 0;
  const Array y = reference::build(ones.y_shape(), [&](int n, int p, int q, int ch) {
    return reference::depthwise_conv_forward(x, kernel, {}, c.g, n, p, q, ch).value;
  });
  for (const double v : y.values) taps += v;
  return taps * c.n * c.c;
}

OpCase forward(const DepthwiseCase& c) {
  const auto o = operands(c);
  std::vector<Argument> arguments{input("x", o->x, c.x, kStored), input("kernel", o->kernel)};
  if (c.bias) arguments.push_back(input("bias", o->bias));
  arguments.push_back(output("y", c.y_shape(),
                             sums_in_float(
                                 c.y_shape(),
                                 [o, g = c.g](int n, int p, int q, int ch) {
                                   return reference::depthwise_conv_forward(o->x, o->kernel, o->bias, g, n, p, q, ch);
                                 },
                                 c.act),
                             c.y, kStored));
  return {.name = "forward " + c.name(),
          .arguments = std::move(arguments),
          .run =
              [c](Stream& stream, Arguments& a) {
                with_type(a.type("x"), [&]<class T>() {
                  ON_DEVICE_AS((T), depthwise_conv_forward, stream, a.view<T>("x"), a.data("kernel"), a.data("bias"),
                               c.act, c.g, a.view<T>("y"));
                });
              },
          .multiply_adds = multiply_adds(c),
          .sample = c.sample};
}

OpCase backward_data(const DepthwiseCase& c) {
  const auto o = operands(c);
  return {.name = "backward data " + c.name(),
          .arguments = {input("dy", o->dy, c.y, kStored), input("kernel", o->kernel),
                        output("dx", c.x_shape(),
                               sums_in_float(c.x_shape(),
                                             [o, g = c.g](int n, int row, int col, int ch) {
                                               return reference::depthwise_conv_backward_data(o->dy, o->kernel, g, n,
                                                                                              row, col, ch);
                                             }),
                               c.x, kStored)},
          .run =
              [c](Stream& stream, Arguments& a) {
                with_type(a.type("dy"), [&]<class T>() {
                  ON_DEVICE_AS((T), depthwise_conv_backward_data, stream, a.view<T>("dy"), a.data("kernel"), c.g,
                               a.view<T>("dx"));
                });
              },
          .multiply_adds = multiply_adds(c),
          .sample = c.sample};
}

OpCase backward_weight(const DepthwiseCase& c) {
  const auto o = operands(c);
  const Shape bias_shape{1, 1, 1, c.c};
  std::vector<Argument> arguments{
      input("x", o->x, c.x, kStored), input("dy", o->dy, c.y, kStored),
      output("dkernel", c.kernel_shape(), sums_in_float(c.kernel_shape(), [o, g = c.g](int, int r, int s, int ch) {
               return reference::depthwise_conv_backward_weight(o->x, o->dy, g, r, s, ch);
             }))};
  if (c.bias) {
    arguments.push_back(output("dbias", bias_shape, sums_in_float(bias_shape, [o](int, int, int, int ch) {
                                 return reference::backward_bias(o->dy, ch);
                               })));
  }
  return {.name = "backward weight " + c.name(),
          .arguments = std::move(arguments),
          .run =
              [c](Stream& stream, Arguments& a) {
                with_type(a.type("x"), [&]<class T>() {
                  ON_DEVICE_AS((T), depthwise_conv_backward_weight, stream, a.view<T>("x"), a.view<T>("dy"), c.g,
                               a.data("dkernel"), a.data("dbias"));
                });
              },
          .multiply_adds = multiply_adds(c),
          .sample = c.sample};
}

GradientCase gradient(const DepthwiseCase& c) {
  const auto o = operands(c);
  return {.name = "gradient " + c.name(),
          .inputs = {o->x, o->kernel, o->bias},
          .forward =
              [c](const std::vector<Array>& in) {
                return reference::build(c.y_shape(), [&](int n, int p, int q, int ch) {
                  return reference::depthwise_conv_forward(in[0], in[1], in[2], c.g, n, p, q, ch).value;
                });
              },
          .backward =
              [c](const std::vector<Array>& in, const Array& dy) {
                return std::vector<Array>{
                    reference::build(
                        c.x_shape(),
                        [&](int n, int row, int col, int ch) {
                          return reference::depthwise_conv_backward_data(dy, in[1], c.g, n, row, col, ch).value;
                        }),
                    reference::build(c.kernel_shape(),
                                     [&](int, int r, int s, int ch) {
                                       return reference::depthwise_conv_backward_weight(in[0], dy, c.g, r, s, ch).value;
                                     }),
                    reference::build(in[2].shape,
                                     [&](int, int, int, int ch) { return reference::backward_bias(dy, ch).value; })};
              }};
}

// Every geometry on a 7x5 and on a 1x1 image, the other properties in turn.
std::vector<DepthwiseCase> odd_cases() {
  const Activation acts[] = {Activation::none, Activation::relu, Activation::relu6};
  const int channels[] = {1, 31, 33, 16, 257};
  const Slice slices[] = {{}, {3, 2}, {0, 5}};
  std::vector<DepthwiseCase> cases;
  std::size_t k = 0;
  for (const ConvGeometry& g : conv_geometries(7, 5)) {
    cases.push_back({.n = 1 + static_cast<int>(k % 3),
                     .h = 7,
                     .w = 5,
                     .c = channels[k % 5],
                     .g = g,
                     .bias = k % 4 != 1,
                     .act = acts[k % 3],
                     .x = slices[k / 2 % 3],
                     .y = slices[k % 3]});
    ++k;
  }
  for (const ConvGeometry& g : conv_geometries(1, 1)) {
    cases.push_back({.c = channels[k % 5], .g = g, .act = acts[k % 3], .x = slices[k % 3], .y = slices[k / 3 % 3]});
    ++k;
  }
  return cases;
}

// Channels in whole vectors, as CUDA's tiles want them: more than one tile each way and one group of channels, tiles
// and groups that are not full, every parity of padding, one image smaller than a tile; and whole vectors that the
// tiles do not serve.
std::vector<DepthwiseCase> vector_cases() {
  std::vector<DepthwiseCase> cases;
  const int channels[] = {72, 64, 40, 8};
  std::size_t k = 0;
  for (const int stride : {1, 2}) {
    for (const Padding& pad : {Padding{0, 1, 0, 1}, Padding{1, 1, 1, 1}, Padding{0, 0, 0, 0}, Padding{2, 1, 1, 3}}) {
      cases.push_back({.n = 2,
                       .h = 9 * stride + 1,
                       .w = 19,
                       .c = channels[k % 4],
                       .g = {3, 3, stride, stride, pad},
                       .bias = k % 3 != 1,
                       .act = Activation::relu6,
                       .x = {static_cast<int>(k % 2) * 8, 0},
                       .y = {0, static_cast<int>(k % 2) * 16}});
      ++k;
    }
  }
  const ConvGeometry same{3, 3, 1, 1, {1, 1, 1, 1}};
  cases.push_back({.n = 5, .h = 3, .w = 2, .c = 128, .g = same});
  cases.push_back({.n = 3, .h = 33, .w = 5, .c = 136, .g = {5, 5, 2, 2, {2, 1, 2, 1}}, .act = Activation::relu});
  cases.push_back({.n = 1, .h = 6, .w = 9, .c = 16, .g = {3, 3, 2, 1, {1, 1, 1, 1}}});
  return cases;
}

// MobileNetV2's at 128x128, at stride 1 and 2 as TensorFlow and as torchvision pad.
std::vector<DepthwiseCase> model_cases() {
  const ConvGeometry same{3, 3, 1, 1, {1, 1, 1, 1}}, half{3, 3, 2, 2, {0, 1, 0, 1}}, torch{3, 3, 2, 2, {1, 1, 1, 1}};
  return {
      {.n = 2, .h = 64, .w = 64, .c = 32, .g = same, .act = Activation::relu6, .sample = 2000},
      {.n = 2, .h = 64, .w = 64, .c = 96, .g = half, .act = Activation::relu6, .x = {64, 0}, .sample = 2000},
      {.n = 2, .h = 32, .w = 32, .c = 144, .g = torch, .act = Activation::relu6, .sample = 2000},
      {.n = 2, .h = 8, .w = 8, .c = 576, .g = half, .act = Activation::relu6, .x = {256, 0}, .sample = 2000},
      {.n = 2, .h = 4, .w = 4, .c = 960, .g = same, .act = Activation::relu6, .sample = 2000},
  };
}

TEST(DepthwiseConvReference, GradientsAgreeWithDifferences) {
  for (const ConvGeometry& g : conv_geometries(4, 3)) {
    EXPECT_EQ(gradient_faults(gradient({.n = 2, .h = 4, .w = 3, .c = 2, .g = g})), "");
  }
}

// Two channels of a 2x2 image, 1..4 and ten times that, under a kernel of ones and twos, padded in front.
TEST(DepthwiseConvReference, KnownAnswer) {
  Array x({1, 2, 2, 2}), kernel({1, 2, 2, 2});
  x.values = {1, 10, 2, 20, 3, 30, 4, 40};
  kernel.values = {1, 2, 1, 2, 1, 2, 1, 2};
  const ConvGeometry g{2, 2, 1, 1, {1, 0, 1, 0}};
  const Array y = reference::build({1, 2, 2, 2}, [&](int n, int p, int q, int c) {
    return reference::depthwise_conv_forward(x, kernel, {}, g, n, p, q, c).value;
  });
  EXPECT_EQ(y.values, (std::vector<double>{1, 20, 3, 60, 4, 80, 10, 200}));
}

TEST(DepthwiseConv, Forward) {
  for (const DepthwiseCase& c : odd_cases()) EXPECT_EQ(faults(forward(c)), "");
}
TEST(DepthwiseConv, BackwardData) {
  for (const DepthwiseCase& c : odd_cases()) EXPECT_EQ(faults(backward_data(c)), "");
}
TEST(DepthwiseConv, BackwardWeight) {
  for (const DepthwiseCase& c : odd_cases()) EXPECT_EQ(faults(backward_weight(c)), "");
}
TEST(DepthwiseConv, ShapesOfTheModel) {
  for (const DepthwiseCase& c : model_cases()) {
    EXPECT_EQ(faults(forward(c)), "");
    EXPECT_EQ(faults(backward_data(c)), "");
    EXPECT_EQ(faults(backward_weight(c)), "");
  }
}

TEST(DepthwiseConv, WholeVectors) {
  for (const DepthwiseCase& c : vector_cases()) {
    EXPECT_EQ(faults(forward(c)), "");
    EXPECT_EQ(faults(backward_data(c)), "");
    EXPECT_EQ(faults(backward_weight(c)), "");
  }
}
TEST(DepthwiseConv, InBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  std::vector<DepthwiseCase> cases = vector_cases();
  const std::vector<DepthwiseCase> odd = odd_cases();
  for (std::size_t i = 0; i < odd.size(); i += 3) cases.push_back(odd[i]);  // storage has no part in the geometry
  for (const DepthwiseCase& c : cases) {
    EXPECT_EQ(faults(forward(c)), "");
    EXPECT_EQ(faults(backward_data(c)), "");
    EXPECT_EQ(faults(backward_weight(c)), "");
  }
}

TEST(DepthwiseConv, CountsMultiplyAdds) {
  const DepthwiseCase c{.n = 2, .h = 3, .w = 3, .c = 5, .g = {3, 3, 1, 1, {1, 1, 1, 1}}};
  EXPECT_EQ(forward(c).multiply_adds, (4 * 4 + 4 * 6 + 9) * 2.0 * 5);
}

}  // namespace
}  // namespace karyon::testing
