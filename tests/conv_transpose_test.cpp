// Transposed convolution over one and two inputs, and its gradients: the reference against its own differences, the
// kernels against it.
#include "kernels/conv_transpose.h"

#include <memory>

#include <gtest/gtest.h>

#include "tests/conv_geometries.h"
#include "tests/op_case.h"
#include "tests/reference/conv_transpose.h"

namespace karyon::testing {
namespace {

// As Keras crops SAME with a 3x3 kernel, and as PyTorch does.
constexpr ConvGeometry kKerasDoubling{3, 3, 2, 2, {0, 1, 0, 1}};
constexpr ConvGeometry kTorchDoubling{3, 3, 2, 2, {1, 0, 1, 0}};

constexpr Element kStored = Element::activation;

struct TransposeCase {
  int n = 1, h = 1, w = 1;
  int upsampled = 1, skip = 0;  // channels; without a skip there is one input
  int out = 1;
  ConvGeometry g = kKerasDoubling;
  bool bias = true;
  Activation act = Activation::none;
  Slice x = {}, x_skip = {}, y = {};
  std::int64_t sample = 0;
  bool float_y = false;  // y and dy are float whatever the inputs are: the network's last layer

  [[nodiscard]] int channels() const { return upsampled + skip; }
  [[nodiscard]] Shape x_shape() const { return {n, h, w, upsampled}; }
  [[nodiscard]] Shape skip_shape() const { return {n, h, w, skip}; }
  [[nodiscard]] Shape kernel_shape() const { return {g.kernel_h, g.kernel_w, out, channels()}; }
  [[nodiscard]] Shape y_shape() const { return {n, g.transposed_out_h(h), g.transposed_out_w(w), out}; }
  [[nodiscard]] std::string name() const {
    return text(x_shape()) + "+" + std::to_string(skip) + " to " + std::to_string(out) + " " + text(g) + " " +
           text(act);
  }
  [[nodiscard]] Element y_element() const { return float_y ? Element::f32 : kStored; }
};

struct Operands {
  Array x, skip, both, kernel, bias, dy;
};

std::shared_ptr<const Operands> operands(const TransposeCase& c) {
  RandomStream random(5, Purpose::bench);
  auto o = std::make_shared<Operands>();
  o->both = o->x = random_array(c.x_shape(), random);
  if (c.skip > 0) {
    o->skip = random_array(c.skip_shape(), random);
    o->both = reference::concatenate({o->x, o->skip});
  }
  o->kernel = random_array(c.kernel_shape(), random);
  o->dy = random_array(c.y_shape(), random);
  if (c.bias) o->bias = random_array({1, 1, 1, c.out}, random);
  return o;
}

// Products that land inside the cropped output.
double multiply_adds(const TransposeCase& c) {
  const TransposeCase ones{.h = c.h, .w = c.w, .g = c.g};
  Array x(ones.x_shape()), kernel(ones.kernel_shape());
  for (double& v : x.values) v = 1;
  for (double& v : kernel.values) v = 1;
  double taps = 0;
  const Array y = reference::build(ones.y_shape(), [&](int n, int p, int q, int o) {
    return reference::conv_transpose_forward(x, kernel, {}, c.g, n, p, q, o).value;
  });
  for (const double v : y.values) taps += v;
  return taps * c.n * c.channels() * c.out;
}

std::vector<Argument> inputs(const TransposeCase& c, const Operands& o) {
  std::vector<Argument> arguments{input("x", o.x, c.x, kStored)};
  if (c.skip > 0) arguments.push_back(input("skip", o.skip, c.x_skip, kStored));
  return arguments;
}

template <class T>
std::vector<View<const T>> input_views(Arguments& a) {
  std::vector<View<const T>> views{a.view<T>("x")};
  if (const View<const T> skip = a.view<T>("skip")) views.push_back(skip);
  return views;
}

// Calls body<T, Y>() with what the inputs and what the output are stored as.
template <class Body>
void with_types(ElementType inputs, ElementType output, const Body& body) {
  with_type(inputs, [&]<class T>() {
    if (output == ElementType::f32) {
      body.template operator()<T, float>();
    } else {
      body.template operator()<T, T>();
    }
  });
}

// Keras's doubling is computed by Winograd's products on the CPU, whose sums hold most terms twice.
reference::Sum as_summed(reference::Sum sum, const ConvGeometry& g) {
  if (g == kKerasDoubling) sum.magnitude *= 2;
  return sum;
}

OpCase forward(const TransposeCase& c) {
  const auto o = operands(c);
  std::vector<Argument> arguments = inputs(c, *o);
  arguments.push_back(input("kernel", o->kernel));
  if (c.bias) arguments.push_back(input("bias", o->bias));
  arguments.push_back(
      output("y", c.y_shape(),
             sums_in_float(
                 c.y_shape(),
                 [o, g = c.g](int n, int p, int q, int ch) {
                   return as_summed(reference::conv_transpose_forward(o->both, o->kernel, o->bias, g, n, p, q, ch), g);
                 },
                 c.act),
             c.y, c.y_element()));
  return {.name = "forward " + c.name(),
          .arguments = std::move(arguments),
          .run =
              [c](Stream& stream, Arguments& a) {
                with_types(a.type("x"), a.type("y"), [&]<class T, class Y>() {
                  ON_DEVICE_AS((T, Y), conv_transpose_forward, stream, input_views<T>(a),
                               StampedKernel{a.data("kernel"), 0}, a.data("bias"), c.act, c.g, a.view<Y>("y"));
                });
              },
          .multiply_adds = multiply_adds(c),
          .sample = c.sample,
          .same_for_all_thread_counts = c.g == kKerasDoubling};
}

// The gradient of the first input, or of the skip.
OpCase backward_data(const TransposeCase& c, bool of_skip) {
  const auto o = operands(c);
  const int begin = of_skip ? c.upsampled : 0;
  const Shape shape = of_skip ? c.skip_shape() : c.x_shape();
  return {.name = std::string("backward data of the ") + (of_skip ? "skip " : "first ") + c.name(),
          .arguments = {input("dy", o->dy, c.y, c.y_element()), input("kernel", o->kernel),
                        output("dx", shape,
                               sums_in_float(shape,
                                             [o, begin, g = c.g](int n, int i, int j, int ch) {
                                               return as_summed(reference::conv_transpose_backward_data(
                                                                    o->dy, o->kernel, g, n, i, j, begin + ch),
                                                                g);
                                             }),
                               of_skip ? c.x_skip : c.x, kStored)},
          .run =
              [c, begin](Stream& stream, Arguments& a) {
                with_types(a.type("dx"), a.type("dy"), [&]<class T, class Y>() {
                  ON_DEVICE_AS((T, Y), conv_transpose_backward_data, stream, a.view<Y>("dy"), a.data("kernel"),
                               c.channels(), begin, c.g, a.view<T>("dx"));
                });
              },
          .multiply_adds = multiply_adds(c) / c.channels() * shape[3],
          .sample = c.sample,
          .same_for_all_thread_counts = c.g == kKerasDoubling};
}

OpCase backward_weight(const TransposeCase& c) {
  const auto o = operands(c);
  const Shape bias_shape{1, 1, 1, c.out};
  std::vector<Argument> arguments = inputs(c, *o);
  arguments.push_back(input("dy", o->dy, c.y, c.y_element()));
  arguments.push_back(
      output("dkernel", c.kernel_shape(), sums_in_float(c.kernel_shape(), [o, g = c.g](int r, int s, int ch, int i) {
               return as_summed(reference::conv_transpose_backward_weight(o->both, o->dy, g, r, s, ch, i), g);
             })));
  if (c.bias) {
    arguments.push_back(output("dbias", bias_shape, sums_in_float(bias_shape, [o](int, int, int, int ch) {
                                 return reference::backward_bias(o->dy, ch);
                               })));
  }
  return {.name = "backward weight " + c.name(),
          .arguments = std::move(arguments),
          .run =
              [c](Stream& stream, Arguments& a) {
                with_types(a.type("x"), a.type("dy"), [&]<class T, class Y>() {
                  ON_DEVICE_AS((T, Y), conv_transpose_backward_weight, stream, input_views<T>(a), a.view<Y>("dy"), c.g,
                               a.data("dkernel"), a.data("dbias"));
                });
              },
          .multiply_adds = multiply_adds(c),
          .sample = c.sample,
          .same_for_all_thread_counts = c.g == kKerasDoubling};
}

GradientCase gradient(const TransposeCase& c) {
  const auto o = operands(c);
  const Shape x_shape = o->both.shape;
  return {
      .name = "gradient " + c.name(),
      .inputs = {o->both, o->kernel, o->bias},
      .forward =
          [c](const std::vector<Array>& in) {
            return reference::build(c.y_shape(), [&](int n, int p, int q, int ch) {
              return reference::conv_transpose_forward(in[0], in[1], in[2], c.g, n, p, q, ch).value;
            });
          },
      .backward =
          [c, x_shape](const std::vector<Array>& in, const Array& dy) {
            return std::vector<Array>{
                reference::build(x_shape,
                                 [&](int n, int i, int j, int ch) {
                                   return reference::conv_transpose_backward_data(dy, in[1], c.g, n, i, j, ch).value;
                                 }),
                reference::build(c.kernel_shape(),
                                 [&](int r, int s, int ch, int i) {
                                   return reference::conv_transpose_backward_weight(in[0], dy, c.g, r, s, ch, i).value;
                                 }),
                reference::build(in[2].shape,
                                 [&](int, int, int, int ch) { return reference::backward_bias(dy, ch).value; })};
          }};
}

// Every geometry on a 7x5 and on a 1x1 image; one and two inputs, channels and layouts in turn.
std::vector<TransposeCase> odd_cases() {
  const Activation acts[] = {Activation::none, Activation::relu, Activation::relu6};
  const int upsampled[] = {1, 31, 33, 16}, skip[] = {0, 3, 0, 31, 17}, out[] = {1, 2, 3, 16, 33, 64, 31};
  const Slice slices[] = {{}, {3, 2}, {0, 5}};
  std::vector<TransposeCase> cases;
  std::size_t k = 0;
  const auto add = [&](int h, int w) {
    for (const ConvGeometry& g : conv_transpose_geometries(h, w)) {
      cases.push_back({.n = 1 + static_cast<int>(k % 2),
                       .h = h,
                       .w = w,
                       .upsampled = upsampled[k % 4],
                       .skip = skip[k % 5],
                       .out = out[k % 7],
                       .g = g,
                       .bias = k % 3 != 1,
                       .act = acts[k % 3],
                       .x = slices[k / 2 % 3],
                       .x_skip = slices[k / 3 % 3],
                       .y = slices[k % 3]});
      ++k;
    }
  };
  add(7, 5);
  add(1, 1);
  // What the model has, Keras's doubling, with every number of output channels and with PyTorch's cropping.
  for (const ConvGeometry& g : {kKerasDoubling, kTorchDoubling}) {
    for (const int channels : out) {
      cases.push_back({.n = 3, .h = 5, .w = 6, .upsampled = 32, .skip = 48, .out = channels, .g = g});
      cases.push_back({.n = 1,
                       .h = 6,
                       .w = 3,
                       .upsampled = 33,
                       .skip = 7,
                       .out = channels,
                       .g = g,
                       .x = {0, 7},
                       .x_skip = {33, 0},
                       .y = {1, 2}});
    }
  }
  // Images large enough to be cut into bands, and batches into parts, with every overlap of kernel and stride.
  for (const ConvGeometry& g : conv_transpose_geometries(17, 19)) {
    if (k++ % 3 != 0) continue;
    cases.push_back({.n = 1,
                     .h = 17,
                     .w = 19,
                     .upsampled = 5,
                     .skip = skip[k % 5],
                     .out = 3,
                     .g = g,
                     .act = acts[k / 3 % 3],
                     .y = slices[k / 3 % 3],
                     .sample = 3000});
  }
  cases.push_back(
      {.n = 1, .h = 37, .w = 3, .upsampled = 3, .out = 257, .g = {5, 5, 2, 2, {2, 1, 0, 3}}, .sample = 1000});
  cases.push_back(
      {.n = 3, .h = 17, .w = 19, .upsampled = 16, .skip = 7, .out = 257, .act = Activation::relu, .sample = 1000});
  cases.push_back({.h = 3, .w = 2, .upsampled = 257, .skip = 257, .out = 257, .sample = 500});
  return cases;
}

// The decoder at 128x128.
std::vector<TransposeCase> model_cases() {
  return {
      {.n = 2, .h = 4, .w = 4, .upsampled = 320, .out = 512, .bias = false, .sample = 2000},
      {.n = 2, .h = 8, .w = 8, .upsampled = 512, .skip = 576, .out = 256, .bias = false, .sample = 1000},
      {.n = 2, .h = 16, .w = 16, .upsampled = 256, .skip = 192, .out = 128, .bias = false, .sample = 1000},
      {.n = 2, .h = 32, .w = 32, .upsampled = 128, .skip = 144, .out = 64, .bias = false, .sample = 1000},
      {.n = 2, .h = 64, .w = 64, .upsampled = 64, .skip = 96, .out = 2, .sample = 300},
      {.n = 1, .h = 64, .w = 64, .upsampled = 64, .skip = 96, .out = 3, .sample = 300},
      {.n = 5, .h = 8, .w = 8, .upsampled = 64, .skip = 96, .out = 2, .sample = 1000},
  };
}

// Small, with the alignments of the model and more than one tile along rows, columns and depth; pixels cut into parts.
std::vector<TransposeCase> aligned_cases() {
  return {
      {.n = 2, .h = 5, .w = 5, .upsampled = 32, .skip = 48, .out = 64, .sample = 2000},
      {.n = 1, .h = 3, .w = 4, .upsampled = 64, .out = 128, .bias = false, .act = Activation::relu, .sample = 2000},
      {.n = 8, .h = 4, .w = 4, .upsampled = 32, .out = 72, .bias = false, .y = {8, 0}, .sample = 2000},
      {.n = 2, .h = 4, .w = 3, .upsampled = 72, .skip = 8, .out = 80, .g = kTorchDoubling, .sample = 2000},
      {.n = 33, .h = 4, .w = 4, .upsampled = 8, .out = 64, .x = {8, 8}, .sample = 3000},
      {.n = 3, .h = 13, .w = 11, .upsampled = 12, .out = 4, .g = {2, 3, 3, 2, {0, 0, 1, 0}}, .sample = 3000},
      {.n = 1, .h = 9, .w = 8, .upsampled = 16, .skip = 24, .out = 2, .sample = 2000},
      // So many pixels that a GPU's larger tiles are used.
      {.n = 1, .h = 92, .w = 92, .upsampled = 4, .out = 8, .sample = 3000},
      {.n = 1, .h = 184, .w = 184, .upsampled = 4, .out = 8, .g = {2, 1, 1, 1, {0, 1, 0, 0}}, .sample = 3000},
  };
}

// The case as the network's last layer, which gives float.
TransposeCase giving_float(TransposeCase c) {
  c.float_y = true;
  return c;
}

TEST(ConvTransposeReference, GradientsAgreeWithDifferences) {
  for (const ConvGeometry& g : conv_transpose_geometries(3, 2)) {
    EXPECT_EQ(gradient_faults(gradient({.n = 2, .h = 3, .w = 2, .upsampled = 2, .skip = 1, .out = 3, .g = g})), "");
  }
}

// 1 2 / 3 4 under a kernel of 1..9 at stride 2, by hand; the crop says which of the five rows and columns remain.
TEST(ConvTransposeReference, KnownAnswer) {
  Array x({1, 2, 2, 1}), kernel({3, 3, 1, 1});
  for (std::size_t i = 0; i < 4; ++i) x.values[i] = static_cast<double>(i + 1);
  for (std::size_t i = 0; i < 9; ++i) kernel.values[i] = static_cast<double>(i + 1);
  const double whole[5][5] = {
      {1, 2, 5, 4, 6}, {4, 5, 14, 10, 12}, {10, 14, 36, 24, 30}, {12, 15, 34, 20, 24}, {21, 24, 55, 32, 36}};
  for (const ConvGeometry& g : {kKerasDoubling, kTorchDoubling}) {
    for (int p = 0; p < 4; ++p) {
      for (int q = 0; q < 4; ++q) {
        EXPECT_EQ(reference::conv_transpose_forward(x, kernel, {}, g, 0, p, q, 0).value,
                  whole[p + g.pad.top][q + g.pad.left]);
      }
    }
  }
}

TEST(ConvTranspose, Forward) {
  for (const TransposeCase& c : odd_cases()) EXPECT_EQ(faults(forward(c)), "");
}
TEST(ConvTranspose, BackwardData) {
  for (const TransposeCase& c : odd_cases()) EXPECT_EQ(faults(backward_data(c, false)), "");
}
TEST(ConvTranspose, BackwardDataOfTheSkip) {
  for (const TransposeCase& c : odd_cases()) {
    if (c.skip == 0) continue;
    EXPECT_EQ(faults(backward_data(c, true)), "");
  }
}
TEST(ConvTranspose, BackwardWeight) {
  for (const TransposeCase& c : odd_cases()) EXPECT_EQ(faults(backward_weight(c)), "");
}
TEST(ConvTranspose, AlignedChannels) {
  for (const TransposeCase& c : aligned_cases()) {
    EXPECT_EQ(faults(forward(c)), "");
    EXPECT_EQ(faults(backward_data(c, false)), "");
    EXPECT_EQ(faults(backward_data(c, c.skip > 0)), "");
    EXPECT_EQ(faults(backward_weight(c)), "");
  }
}
TEST(ConvTranspose, ShapesOfTheModel) {
  for (const TransposeCase& c : model_cases()) {
    EXPECT_EQ(faults(forward(c)), "");
    EXPECT_EQ(faults(backward_data(c, false)), "");
    EXPECT_EQ(faults(backward_weight(c)), "");
  }
}

TEST(ConvTranspose, InBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  const std::vector<TransposeCase> cases = odd_cases();
  for (std::size_t i = 0; i < cases.size(); i += 3) {  // the type of storage has no part in the geometry
    const TransposeCase& c = cases[i];
    EXPECT_EQ(faults(forward(c)), "");
    EXPECT_EQ(faults(backward_data(c, c.skip > 0)), "");
    EXPECT_EQ(faults(backward_weight(c)), "");
  }
}
TEST(ConvTranspose, AlignedChannelsInBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  bool to_float = false;
  for (const TransposeCase& stored : aligned_cases()) {
    const TransposeCase c = to_float ? giving_float(stored) : stored;
    EXPECT_EQ(faults(forward(c)), "");
    EXPECT_EQ(faults(backward_data(c, c.skip > 0)), "");
    EXPECT_EQ(faults(backward_weight(c)), "");
    to_float = !to_float;
  }
}
TEST(ConvTranspose, ShapesOfTheModelInBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  for (const TransposeCase& stored : model_cases()) {
    for (const TransposeCase& c : {stored, giving_float(stored)}) {
      EXPECT_EQ(faults(forward(c)), "");
      EXPECT_EQ(faults(backward_data(c, false)), "");
      EXPECT_EQ(faults(backward_weight(c)), "");
    }
  }
}

// One image of the decoder's first and last layer at 128x128.
TEST(ConvTranspose, CountsMultiplyAdds) {
  EXPECT_EQ(forward({.h = 4, .w = 4, .upsampled = 320, .out = 512}).multiply_adds, 121.0 * 320 * 512);
  const TransposeCase last{.h = 64, .w = 64, .upsampled = 64, .skip = 96, .out = 2};
  EXPECT_EQ(forward(last).multiply_adds, 191.0 * 191 * 160 * 2);
  EXPECT_EQ(backward_data(last, false).multiply_adds, 191.0 * 191 * 64 * 2);
}

}  // namespace
}  // namespace karyon::testing
