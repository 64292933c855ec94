// The transposed convolution with few output channels on CUDA, called by itself: conv_transpose_test.cpp reaches it
// through the op, here every branch of it is named.
#if KARYON_WITH_CUDA

#include <memory>

#include <gtest/gtest.h>

#include "kernels/conv_transpose_narrow_cuda.h"
#include "kernels/op.h"
#include "tests/op_case.h"
#include "tests/reference/conv_transpose.h"

namespace karyon::testing {
namespace {

constexpr ConvGeometry kKeras{3, 3, 2, 2, {0, 1, 0, 1}}, kTorch{3, 3, 2, 2, {1, 0, 1, 0}};

struct NarrowCase {
  int n = 1, h = 1, w = 1, first = 1, skip = 0, out = 2;
  ConvGeometry g = kKeras;
  Activation act = Activation::none;
  Slice x = {}, x_skip = {}, y = {};

  [[nodiscard]] Shape y_shape() const { return {n, g.transposed_out_h(h), g.transposed_out_w(w), out}; }
  [[nodiscard]] int channels() const { return first + skip; }
  [[nodiscard]] std::string name() const {
    return text(Shape{n, h, w, first}) + "+" + std::to_string(skip) + " to " + std::to_string(out) + " " + text(g);
  }
};

struct Operands {
  Array first, skip, both, kernel, bias, dy;
};

std::shared_ptr<const Operands> operands(const NarrowCase& c) {
  RandomStream random(18, Purpose::bench);
  auto o = std::make_shared<Operands>();
  o->both = o->first = random_array({c.n, c.h, c.w, c.first}, random);
  if (c.skip > 0) {
    o->skip = random_array({c.n, c.h, c.w, c.skip}, random);
    o->both = reference::concatenate({o->first, o->skip});
  }
  o->kernel = random_array({3, 3, c.out, c.channels()}, random);
  o->bias = random_array({1, 1, 1, c.out}, random);
  o->dy = random_array(c.y_shape(), random);
  return o;
}

template <class T>
std::vector<View<const T>> views(Arguments& a, const NarrowCase& c) {
  std::vector<View<const T>> inputs{a.view<T>("x")};
  if (c.skip > 0) inputs.emplace_back(a.view<T>("skip"));
  return inputs;
}

std::vector<Argument> inputs(const NarrowCase& c, const Operands& o) {
  std::vector<Argument> arguments{input("x", o.first, c.x, Element::activation)};
  if (c.skip > 0) arguments.push_back(input("skip", o.skip, c.x_skip, Element::activation));
  return arguments;
}

OpCase forward(const NarrowCase& c) {
  const auto o = operands(c);
  std::vector<Argument> arguments = inputs(c, *o);
  arguments.push_back(input("kernel", o->kernel));
  arguments.push_back(input("bias", o->bias));
  arguments.push_back(output("y", c.y_shape(),
                             sums_in_float(
                                 c.y_shape(),
                                 [o, g = c.g](int n, int p, int q, int k) {
                                   return reference::conv_transpose_forward(o->both, o->kernel, o->bias, g, n, p, q, k);
                                 },
                                 c.act),
                             c.y));
  return {.name = "narrow forward " + c.name(),
          .arguments = std::move(arguments),
          .run =
              [c](Stream& s, Arguments& a) {
                with_type(a.type("x"), [&]<class T>() {
                  cuda::narrow_conv_transpose_forward<T>(s, views<T>(a, c), a.data("kernel"), a.data("bias"), c.act,
                                                         c.g, a.view("y"));
                });
              },
          .cuda_alone = true};
}

OpCase backward_data(const NarrowCase& c, bool of_skip) {
  const auto o = operands(c);
  const int begin = of_skip ? c.first : 0;
  const Shape shape{c.n, c.h, c.w, of_skip ? c.skip : c.first};
  return {.name = "narrow backward data " + c.name(),
          .arguments = {input("dy", o->dy, c.y), input("kernel", o->kernel),
                        output("dx", shape,
                               sums_in_float(shape,
                                             [o, begin, g = c.g](int n, int i, int j, int k) {
                                               return reference::conv_transpose_backward_data(o->dy, o->kernel, g, n, i,
                                                                                              j, begin + k);
                                             }),
                               of_skip ? c.x_skip : c.x, Element::activation)},
          .run =
              [c, begin](Stream& s, Arguments& a) {
                with_type(a.type("dx"), [&]<class T>() {
                  cuda::narrow_conv_transpose_backward_data<T>(s, a.view("dy"), a.data("kernel"), c.channels(), begin,
                                                               c.g, a.view<T>("dx"));
                });
              },
          .cuda_alone = true};
}

OpCase backward_weight(const NarrowCase& c) {
  const auto o = operands(c);
  const Shape bias_shape{1, 1, 1, c.out};
  std::vector<Argument> arguments = inputs(c, *o);
  arguments.push_back(input("dy", o->dy, c.y));
  arguments.push_back(
      output("dkernel", o->kernel.shape, sums_in_float(o->kernel.shape, [o, g = c.g](int r, int s, int k, int i) {
               return reference::conv_transpose_backward_weight(o->both, o->dy, g, r, s, k, i);
             })));
  arguments.push_back(output("dbias", bias_shape, sums_in_float(bias_shape, [o](int, int, int, int k) {
                               return reference::backward_bias(o->dy, k);
                             })));
  return {.name = "narrow backward weight " + c.name(),
          .arguments = std::move(arguments),
          .run =
              [c](Stream& s, Arguments& a) {
                with_type(a.type("x"), [&]<class T>() {
                  cuda::narrow_conv_transpose_backward_weight<T>(s, views<T>(a, c), a.view("dy"), c.g,
                                                                 a.data("dkernel"), a.data("dbias"));
                });
              },
          .cuda_alone = true};
}

std::vector<NarrowCase> cases() {
  return {
      {.h = 1, .w = 1},
      {.n = 2, .h = 5, .w = 7, .first = 31, .skip = 3, .g = kTorch, .x = {3, 2}, .x_skip = {0, 5}, .y = {1, 2}},
      {.n = 1, .h = 16, .w = 15, .first = 8, .skip = 16, .act = Activation::relu},
      {.n = 2, .h = 17, .w = 31, .first = 16, .skip = 24, .out = 3, .g = kTorch},
      {.n = 1, .h = 7, .w = 5, .first = 33, .out = 3, .act = Activation::relu6},
      {.n = 1, .h = 3, .w = 4, .first = 64, .skip = 96},
  };
}

void expect_all_pass() {
  for (const NarrowCase& c : cases()) {
    EXPECT_EQ(faults(forward(c)), "");
    EXPECT_EQ(faults(backward_data(c, false)), "");
    if (c.skip > 0) {
      EXPECT_EQ(faults(backward_data(c, true)), "");
    }
    EXPECT_EQ(faults(backward_weight(c)), "");
  }
}

TEST(ConvTransposeNarrow, KnowsWhatItTakes) {
  EXPECT_TRUE(cuda::is_narrow(kKeras, 3));
  EXPECT_FALSE(cuda::is_narrow(kKeras, 4));
  EXPECT_FALSE(cuda::is_narrow(kKeras, 1));
  EXPECT_FALSE(cuda::is_narrow({3, 3, 1, 2, {}}, 2));
  EXPECT_FALSE(cuda::is_narrow({5, 3, 2, 2, {}}, 2));
}

TEST(ConvTransposeNarrow, ForwardAndGradients) {
  SKIP_WITHOUT_CUDA();
  expect_all_pass();
}

TEST(ConvTransposeNarrow, InBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  expect_all_pass();
}

}  // namespace
}  // namespace karyon::testing

#endif
