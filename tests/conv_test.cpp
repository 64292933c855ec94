// Dense convolution and its gradients: the reference against its own differences, the kernels against the reference.
#include "kernels/conv.h"

#include <memory>

#include <gtest/gtest.h>

#include "tests/conv_geometries.h"
#include "tests/op_case.h"
#include "tests/reference/conv.h"

namespace karyon::testing {
namespace {

constexpr Element kStored = Element::activation;

struct ConvCase {
  int n = 1, h = 1, w = 1, in = 1, out = 1;
  ConvGeometry g = {};
  bool bias = true, residual = false;
  Activation act = Activation::none;
  Slice x = {}, y = {};
  std::int64_t sample = 0;

  [[nodiscard]] Shape x_shape() const { return {n, h, w, in}; }
  [[nodiscard]] Shape kernel_shape() const { return {g.kernel_h, g.kernel_w, in, out}; }
  [[nodiscard]] Shape y_shape() const { return {n, g.out_h(h), g.out_w(w), out}; }
  [[nodiscard]] std::string name() const {
    return text(x_shape()) + " to " + std::to_string(out) + " " + text(g) + " " + text(act);
  }
};

struct Operands {
  Array x, kernel, bias, residual, dy;
};

std::shared_ptr<const Operands> operands(const ConvCase& c) {
  RandomStream random(3, Purpose::bench);
  auto o = std::make_shared<Operands>();
  o->x = random_array(c.x_shape(), random);
  o->kernel = random_array(c.kernel_shape(), random);
  o->dy = random_array(c.y_shape(), random);
  if (c.bias) o->bias = random_array({1, 1, 1, c.out}, random);
  if (c.residual) o->residual = random_array(c.y_shape(), random);
  return o;
}

// Taps inside the image, over all outputs, times the products of each.
double multiply_adds(const ConvCase& c) {
  const ConvCase ones{.n = 1, .h = c.h, .w = c.w, .g = c.g};
  Array x(ones.x_shape()), kernel(ones.kernel_shape());
  for (double& v : x.values) v = 1;
  for (double& v : kernel.values) v = 1;
  double taps = 0;
  const Array y = reference::build(ones.y_shape(), [&](int n, int p, int q, int o) {
    return reference::conv_forward(x, kernel, {}, {}, c.g, n, p, q, o).value;
  });
  for (const double v : y.values) taps += v;
  return taps * c.n * c.in * c.out;
}

OpCase forward(const ConvCase& c) {
  const auto o = operands(c);
  std::vector<Argument> arguments{input("x", o->x, c.x, kStored), input("kernel", o->kernel)};
  if (c.bias) arguments.push_back(input("bias", o->bias));
  if (c.residual) arguments.push_back(input("residual", o->residual, c.y, kStored));
  arguments.push_back(output("y", c.y_shape(),
                             sums_in_float(
                                 c.y_shape(),
                                 [o, g = c.g](int n, int p, int q, int ch) {
                                   return reference::conv_forward(o->x, o->kernel, o->bias, o->residual, g, n, p, q,
                                                                  ch);
                                 },
                                 c.act),
                             c.y, kStored));
  return {.name = "forward " + c.name(),
          .arguments = std::move(arguments),
          .run =
              [c](Stream& stream, Arguments& a) {
                with_type(a.type("x"), [&]<class T>() {
                  ON_DEVICE_AS((T), conv_forward, stream, a.view<T>("x"), StampedKernel{a.data("kernel"), 0},
                               a.data("bias"), a.view<T>("residual"), c.act, c.g, a.view<T>("y"));
                });
              },
          .multiply_adds = multiply_adds(c),
          .sample = c.sample,
          .same_for_all_thread_counts = false};
}

// y is the residual.
OpCase forward_in_place(const ConvCase& c) {
  OpCase op = forward(c);
  const auto o = operands(c);
  op.name = "in place " + op.name;
  const auto expected = op.arguments.back().expected;
  op.arguments.pop_back();
  op.arguments.pop_back();
  op.arguments.push_back(in_place("y", o->residual, expected, c.y, kStored));
  op.run = [c](Stream& stream, Arguments& a) {
    with_type(a.type("x"), [&]<class T>() {
      ON_DEVICE_AS((T), conv_forward, stream, a.view<T>("x"), StampedKernel{a.data("kernel"), 0}, a.data("bias"),
                   a.view<T>("y"), c.act, c.g, a.view<T>("y"));
    });
  };
  return op;
}

OpCase backward_data(const ConvCase& c) {
  const auto o = operands(c);
  return {.name = "backward data " + c.name(),
          .arguments = {input("dy", o->dy, c.y, kStored), input("kernel", o->kernel),
                        output("dx", c.x_shape(),
                               sums_in_float(c.x_shape(),
                                             [o, g = c.g](int n, int row, int col, int i) {
                                               return reference::conv_backward_data(o->dy, o->kernel, g, n, row, col,
                                                                                    i);
                                             }),
                               c.x, kStored)},
          .run =
              [c](Stream& stream, Arguments& a) {
                with_type(a.type("dy"), [&]<class T>() {
                  ON_DEVICE_AS((T), conv_backward_data, stream, a.view<T>("dy"), StampedKernel{a.data("kernel"), 0},
                               c.g, a.view<T>("dx"));
                });
              },
          .multiply_adds = multiply_adds(c),
          .sample = c.sample,
          .same_for_all_thread_counts = false};
}

OpCase backward_weight(const ConvCase& c) {
  const auto o = operands(c);
  const Shape bias_shape{1, 1, 1, c.out};
  std::vector<Argument> arguments{
      input("x", o->x, c.x, kStored), input("dy", o->dy, c.y, kStored),
      output("dkernel", c.kernel_shape(), sums_in_float(c.kernel_shape(), [o, g = c.g](int r, int s, int i, int ch) {
               return reference::conv_backward_weight(o->x, o->dy, g, r, s, i, ch);
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
                  ON_DEVICE_AS((T), conv_backward_weight, stream, a.view<T>("x"), a.view<T>("dy"), c.g,
                               a.data("dkernel"), a.data("dbias"));
                });
              },
          .multiply_adds = multiply_adds(c),
          .sample = c.sample,
          .same_for_all_thread_counts = false};
}

GradientCase gradient(const ConvCase& c) {
  const auto o = operands(c);
  return {.name = "gradient " + c.name(),
          .inputs = {o->x, o->kernel, o->bias},
          .forward =
              [c](const std::vector<Array>& in) {
                return reference::build(c.y_shape(), [&](int n, int p, int q, int ch) {
                  return reference::conv_forward(in[0], in[1], in[2], {}, c.g, n, p, q, ch).value;
                });
              },
          .backward =
              [c](const std::vector<Array>& in, const Array& dy) {
                return std::vector<Array>{
                    reference::build(c.x_shape(),
                                     [&](int n, int row, int col, int i) {
                                       return reference::conv_backward_data(dy, in[1], c.g, n, row, col, i).value;
                                     }),
                    reference::build(c.kernel_shape(),
                                     [&](int r, int s, int i, int ch) {
                                       return reference::conv_backward_weight(in[0], dy, c.g, r, s, i, ch).value;
                                     }),
                    reference::build(in[2].shape,
                                     [&](int, int, int, int ch) { return reference::backward_bias(dy, ch).value; })};
              }};
}

// Every geometry on a 7x5 image, the other properties in turn.
std::vector<ConvCase> odd_cases() {
  const Activation acts[] = {Activation::none, Activation::relu, Activation::relu6};
  const int in[] = {1, 31, 3, 33}, out[] = {33, 2, 31, 1, 16};
  const Slice slices[] = {{}, {3, 2}, {0, 5}};
  std::vector<ConvCase> cases;
  std::size_t k = 0;
  for (const ConvGeometry& g : conv_geometries(7, 5)) {
    cases.push_back({.n = 1 + static_cast<int>(k % 2),
                     .h = 7,
                     .w = 5,
                     .in = in[k % 4],
                     .out = out[k % 5],
                     .g = g,
                     .bias = k % 3 != 1,
                     .residual = k % 4 == 2,
                     .act = acts[k % 3],
                     .x = slices[k / 2 % 3],
                     .y = slices[k % 3]});
    ++k;
  }
  for (const ConvGeometry& g : conv_geometries(1, 1)) {
    cases.push_back({.in = 31, .out = 33, .g = g, .act = acts[k % 3], .x = slices[k % 3], .y = slices[k / 3 % 3]});
    ++k;
  }
  cases.push_back({.n = 1, .h = 7, .w = 5, .in = 257, .out = 257, .g = {3, 3, 1, 1, {1, 1, 1, 1}}, .sample = 500});
  cases.push_back({.n = 3,
                   .h = 7,
                   .w = 5,
                   .in = 257,
                   .out = 31,
                   .residual = true,
                   .act = Activation::relu6,
                   .x = {1, 0},
                   .y = {0, 1}});
  return cases;
}

// The stem and some of the 1x1 convolutions of MobileNetV2 at 128x128; a projection with its residual.
std::vector<ConvCase> model_cases() {
  const ConvGeometry stem{3, 3, 2, 2, {0, 1, 0, 1}};
  return {
      {.n = 2, .h = 128, .w = 128, .in = 3, .out = 32, .g = stem, .act = Activation::relu6, .sample = 2000},
      {.n = 2, .h = 64, .w = 64, .in = 16, .out = 96, .act = Activation::relu6, .sample = 2000},
      {.n = 2, .h = 64, .w = 64, .in = 16, .out = 96, .act = Activation::relu6, .y = {64, 0}, .sample = 2000},
      {.n = 2, .h = 32, .w = 32, .in = 144, .out = 24, .residual = true, .sample = 2000},
      {.n = 2, .h = 8, .w = 8, .in = 96, .out = 576, .act = Activation::relu6, .y = {256, 0}, .sample = 2000},
      {.n = 2, .h = 4, .w = 4, .in = 960, .out = 320, .sample = 2000},
      {.n = 2, .h = 4, .w = 4, .in = 320, .out = 1280, .bias = false, .sample = 2000},
      {.n = 8, .h = 1, .w = 1, .in = 1280, .out = 1000, .sample = 2000},
  };
}

// Small, with the alignments of the model and more than one tile along rows, columns and depth; pixels cut into parts.
std::vector<ConvCase> aligned_cases() {
  const ConvGeometry halving{3, 3, 2, 2, {0, 1, 0, 1}}, same{3, 3, 1, 1, {1, 1, 1, 1}};
  return {
      {.n = 3, .h = 9, .w = 8, .in = 24, .out = 72, .residual = true, .act = Activation::relu6, .sample = 3000},
      {.n = 8, .h = 4, .w = 4, .in = 64, .out = 128, .act = Activation::relu, .sample = 2000},
      {.n = 2, .h = 8, .w = 8, .in = 48, .out = 8, .g = halving, .residual = true, .y = {8, 0}, .sample = 3000},
      {.n = 1, .h = 6, .w = 7, .in = 32, .out = 72, .g = same, .bias = false, .x = {0, 8}, .sample = 3000},
      {.n = 33, .h = 4, .w = 4, .in = 8, .out = 64, .g = halving, .sample = 3000},
      {.n = 1, .h = 24, .w = 24, .in = 3, .out = 32, .g = halving, .act = Activation::relu6, .sample = 3000},
  };
}

TEST(ConvReference, GradientsAgreeWithDifferences) {
  for (ConvGeometry g : conv_geometries(4, 3)) {
    EXPECT_EQ(gradient_faults(gradient({.n = 2, .h = 4, .w = 3, .in = 2, .out = 3, .g = g})), "");
  }
}

// A 3x3 image of 1..9 and a 2x2 kernel of 1..4, by hand: correlation, not convolution; padding at the far sides alone.
TEST(ConvReference, KnownAnswer) {
  Array x({1, 3, 3, 1}), kernel({2, 2, 1, 1});
  for (std::size_t i = 0; i < 9; ++i) x.values[i] = static_cast<double>(i + 1);
  for (std::size_t i = 0; i < 4; ++i) kernel.values[i] = static_cast<double>(i + 1);
  const ConvGeometry g{2, 2, 2, 2, {0, 1, 0, 1}};
  const Array y = reference::build({1, 2, 2, 1}, [&](int n, int p, int q, int o) {
    return reference::conv_forward(x, kernel, {}, {}, g, n, p, q, o).value;
  });
  EXPECT_EQ(y.values, (std::vector<double>{1 + 4 + 12 + 20, 3 + 18, 7 + 16, 9}));
}

TEST(Conv, Forward) {
  for (const ConvCase& c : odd_cases()) EXPECT_EQ(faults(forward(c)), "");
}
TEST(Conv, ForwardOntoTheResidual) {
  for (const ConvCase& c : odd_cases()) {
    if (!c.residual) continue;
    EXPECT_EQ(faults(forward_in_place(c)), "");
  }
}
TEST(Conv, BackwardData) {
  for (const ConvCase& c : odd_cases()) EXPECT_EQ(faults(backward_data(c)), "");
}
TEST(Conv, BackwardWeight) {
  for (const ConvCase& c : odd_cases()) EXPECT_EQ(faults(backward_weight(c)), "");
}
TEST(Conv, AlignedChannels) {
  for (const ConvCase& c : aligned_cases()) {
    EXPECT_EQ(faults(forward(c)), "");
    if (c.residual) {
      EXPECT_EQ(faults(forward_in_place(c)), "");
    }
    EXPECT_EQ(faults(backward_data(c)), "");
    EXPECT_EQ(faults(backward_weight(c)), "");
  }
}
TEST(Conv, ShapesOfTheModel) {
  for (const ConvCase& c : model_cases()) {
    EXPECT_EQ(faults(forward(c)), "");
    EXPECT_EQ(faults(backward_data(c)), "");
    EXPECT_EQ(faults(backward_weight(c)), "");
  }
}

TEST(Conv, InBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  for (const auto& cases : {odd_cases(), aligned_cases(), model_cases()}) {
    for (const ConvCase& c : cases) {
      EXPECT_EQ(faults(forward(c)), "");
      if (c.residual) {
        EXPECT_EQ(faults(forward_in_place(c)), "");
      }
      EXPECT_EQ(faults(backward_data(c)), "");
      EXPECT_EQ(faults(backward_weight(c)), "");
    }
  }
}

// The same stamp promises the same numbers; another stamp, or none, means that they may have changed in place.
TEST(Conv, FindsChangedKernelsByTheirStamp) {
  GuardedMemory memory;
  Stream stream(Device{}, 1, memory);
  std::vector<float> x(16, 1.0F), kernel(std::size_t{16} * 16, 1.0F), y(16), dx(16);
  const auto result = [&](std::uint64_t stamp) {
    ON_DEVICE_AS((float), conv_forward, stream, ConstFloatView(x.data(), 1, 1, 1, 16),
                 StampedKernel{kernel.data(), stamp}, nullptr, ConstFloatView{}, Activation::none, ConvGeometry{},
                 FloatView(y.data(), 1, 1, 1, 16));
    ON_DEVICE_AS((float), conv_backward_data, stream, ConstFloatView(x.data(), 1, 1, 1, 16),
                 StampedKernel{kernel.data(), stamp}, ConvGeometry{}, FloatView(dx.data(), 1, 1, 1, 16));
    EXPECT_EQ(y[5], dx[5]);
    return y[5];
  };
  EXPECT_EQ(result(11), 16);
  EXPECT_EQ(result(0), 16);
  kernel.assign(kernel.size(), 2.0F);
  EXPECT_EQ(result(0), 32);
  EXPECT_EQ(result(12), 32);
  kernel.assign(kernel.size(), 3.0F);
  EXPECT_EQ(result(0), 48);
  EXPECT_EQ(result(13), 48);
}

// The first convolution and MobileNetV2's are counted without the taps in the padding.
TEST(Conv, CountsMultiplyAdds) {
  EXPECT_EQ(forward({.n = 2, .h = 4, .w = 4, .in = 960, .out = 320}).multiply_adds, 2.0 * 16 * 960 * 320);
  const ConvCase padded{.n = 1, .h = 4, .w = 4, .in = 3, .out = 5, .g = {3, 3, 2, 2, {0, 1, 0, 1}}};
  EXPECT_EQ(backward_weight(padded).multiply_adds, (9 + 6 + 6 + 4) * 3.0 * 5);
}

}  // namespace
}  // namespace karyon::testing
