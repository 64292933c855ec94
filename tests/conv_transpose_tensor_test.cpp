// Transposed convolution on the tensor cores, in bf16 and in TF32, against the reference. Operands are drawn such that
// neither type rounds them; what is left are the errors of sums in float.
#include "kernels/conv_transpose_tensor.h"

#include <memory>

#include <gtest/gtest.h>

#include "kernels/conv_transpose.h"
#include "tests/conv_geometries.h"
#include "tests/op_case.h"
#include "tests/reference/conv_transpose.h"

#if KARYON_WITH_CUDA
namespace karyon::testing {
namespace {

constexpr ConvGeometry kKerasDoubling{3, 3, 2, 2, {0, 1, 0, 1}};
constexpr ConvGeometry kTorchDoubling{3, 3, 2, 2, {1, 0, 1, 0}};

struct TensorCase {
  int n = 1, h = 1, w = 1;
  int upsampled = 8, skip = 0;  // channels; without a skip there is one input
  int out = 8;
  ConvGeometry g = kKerasDoubling;
  bool bias = true;
  Activation act = Activation::none;
  Slice x = {}, x_skip = {}, y = {};
  bool float_result = false;  // y and dy stay float where activations are bf16
  std::int64_t sample = 0;

  [[nodiscard]] int channels() const { return upsampled + skip; }
  [[nodiscard]] Shape x_shape() const { return {n, h, w, upsampled}; }
  [[nodiscard]] Shape skip_shape() const { return {n, h, w, skip}; }
  [[nodiscard]] Shape kernel_shape() const { return {g.kernel_h, g.kernel_w, out, channels()}; }
  [[nodiscard]] Shape y_shape() const { return {n, g.transposed_out_h(h), g.transposed_out_w(w), out}; }
  [[nodiscard]] Element result() const { return float_result ? Element::f32 : Element::activation; }
  [[nodiscard]] double multiply_adds() const {
    return 1.0 * n * h * w * g.kernel_h * g.kernel_w * channels() * out;  // those into the cropped border as well
  }
  [[nodiscard]] std::string name() const {
    return text(x_shape()) + "+" + std::to_string(skip) + " to " + std::to_string(out) + " " + text(g) + " " +
           text(act);
  }
};

// Of 8 bits, which TF32 holds as well, whatever activations are stored as.
Array short_numbers(const Shape& shape, RandomStream& random) {
  if (StoredAs::current() == ElementType::bf16) return random_array(shape, random);
  const StoredAs bf16(ElementType::bf16);
  return random_array(shape, random);
}

struct Operands {
  Array x, skip, both, kernel, bias, dy;
};

std::shared_ptr<const Operands> operands(const TensorCase& c) {
  RandomStream random(6, Purpose::bench);
  auto o = std::make_shared<Operands>();
  o->both = o->x = short_numbers(c.x_shape(), random);
  if (c.skip > 0) {
    o->skip = short_numbers(c.skip_shape(), random);
    o->both = reference::concatenate({o->x, o->skip});
  }
  o->kernel = short_numbers(c.kernel_shape(), random);
  o->dy = short_numbers(c.y_shape(), random);
  if (c.bias) o->bias = random_array({1, 1, 1, c.out}, random);
  return o;
}

std::vector<Argument> inputs(const TensorCase& c, const Operands& o) {
  std::vector<Argument> arguments{input("x", o.x, c.x, Element::activation)};
  if (c.skip > 0) arguments.push_back(input("skip", o.skip, c.x_skip, Element::activation));
  return arguments;
}

template <class T>
std::vector<View<const T>> input_views(Arguments& a) {
  std::vector<View<const T>> views{a.view<T>("x")};
  if (const View<const T> skip = a.view<T>("skip")) views.push_back(skip);
  return views;
}

// Calls body<T, Y>() for the types of x (or dx) and y (or dy); on the GPU, since the CPU has no such variant.
template <class Body>
void with_types(Stream& stream, const Arguments& a, const std::string& x, const std::string& y, const Body& body) {
  stream.set_float32_math(Float32Math::tf32);
  with_type(a.type(x), [&]<class T>() {
    with_type(a.type(y), [&]<class Y>() {
      if constexpr (std::is_same_v<T, Bfloat16> || std::is_same_v<Y, float>) body.template operator()<T, Y>();
    });
  });
}

OpCase forward(const TensorCase& c) {
  const auto o = operands(c);
  std::vector<Argument> arguments = inputs(c, *o);
  arguments.push_back(input("kernel", o->kernel));
  if (c.bias) arguments.push_back(input("bias", o->bias));
  const auto sum = [o, g = c.g](int n, int p, int q, int ch) {
    return reference::conv_transpose_forward(o->both, o->kernel, o->bias, g, n, p, q, ch);
  };
  arguments.push_back(output("y", c.y_shape(), sums_in_float(c.y_shape(), sum, c.act), c.y, c.result()));
  return {.name = "forward " + c.name(),
          .arguments = std::move(arguments),
          .run =
              [c](Stream& stream, Arguments& a) {
                if (!stream.device().is_cuda()) {
                  return cpu::conv_transpose_forward(stream, input_views<float>(a), {a.data("kernel")}, a.data("bias"),
                                                     c.act, c.g, a.view("y"));
                }
                with_types(stream, a, "x", "y", [&]<class T, class Y>() {
                  cuda::tensor_conv_transpose_forward<T, Y>(stream, input_views<T>(a), a.data("kernel"), a.data("bias"),
                                                            c.act, c.g, a.view<Y>("y"));
                });
              },
          .multiply_adds = c.multiply_adds(),
          .sample = c.sample,
          .same_for_all_thread_counts = false};
}

// The gradient of the last input: the skip if there is one.
OpCase backward_data(const TensorCase& c) {
  const auto o = operands(c);
  const int begin = c.skip > 0 ? c.upsampled : 0;
  const Shape shape = c.skip > 0 ? c.skip_shape() : c.x_shape();
  const auto sum = [o, begin, g = c.g](int n, int i, int j, int ch) {
    return reference::conv_transpose_backward_data(o->dy, o->kernel, g, n, i, j, begin + ch);
  };
  return {
      .name = "backward data " + c.name(),
      .arguments = {input("dy", o->dy, c.y, c.result()), input("kernel", o->kernel),
                    output("dx", shape, sums_in_float(shape, sum), c.skip > 0 ? c.x_skip : c.x, Element::activation)},
      .run =
          [c, begin](Stream& stream, Arguments& a) {
            if (!stream.device().is_cuda()) {
              return cpu::conv_transpose_backward_data(stream, a.view("dy"), a.data("kernel"), c.channels(), begin, c.g,
                                                       a.view("dx"));
            }
            with_types(stream, a, "dx", "dy", [&]<class T, class Y>() {
              cuda::tensor_conv_transpose_backward_data<T, Y>(stream, a.view<Y>("dy"), a.data("kernel"), c.channels(),
                                                              begin, c.g, a.view<T>("dx"));
            });
          },
      .multiply_adds = c.multiply_adds(),
      .sample = c.sample,
      .same_for_all_thread_counts = false};
}

OpCase backward_weight(const TensorCase& c) {
  const auto o = operands(c);
  const Shape bias_shape{1, 1, 1, c.out};
  std::vector<Argument> arguments = inputs(c, *o);
  arguments.push_back(input("dy", o->dy, c.y, c.result()));
  const auto kernel_sum = [o, g = c.g](int r, int s, int ch, int i) {
    return reference::conv_transpose_backward_weight(o->both, o->dy, g, r, s, ch, i);
  };
  arguments.push_back(output("dkernel", c.kernel_shape(), sums_in_float(c.kernel_shape(), kernel_sum)));
  if (c.bias) {
    const auto bias_sum = [o](int, int, int, int ch) { return reference::backward_bias(o->dy, ch); };
    arguments.push_back(output("dbias", bias_shape, sums_in_float(bias_shape, bias_sum)));
  }
  return {.name = "backward weight " + c.name(),
          .arguments = std::move(arguments),
          .run =
              [c](Stream& stream, Arguments& a) {
                if (!stream.device().is_cuda()) {
                  return cpu::conv_transpose_backward_weight(stream, input_views<float>(a), a.view("dy"), c.g,
                                                             a.data("dkernel"), a.data("dbias"));
                }
                with_types(stream, a, "x", "dy", [&]<class T, class Y>() {
                  cuda::tensor_conv_transpose_backward_weight<T, Y>(stream, input_views<T>(a), a.view<Y>("dy"), c.g,
                                                                    a.data("dkernel"), a.data("dbias"));
                });
              },
          .multiply_adds = c.multiply_adds(),
          .sample = c.sample,
          .same_for_all_thread_counts = false};
}

// Every second geometry, from the first or the second on, on a small image; one and two inputs, channels, slices and
// activations in turn. TF32 and bf16 share the geometries out, since nothing in the kernels' way through them depends
// on the type.
enum class Half : std::uint8_t { first, second };
std::vector<TensorCase> geometry_cases(Half half) {
  const Activation acts[] = {Activation::none, Activation::relu, Activation::relu6};
  const int upsampled[] = {8, 24, 16, 40}, skip[] = {0, 8, 0, 40, 16}, out[] = {8, 24, 16};
  const Slice slices[] = {{}, {8, 16}, {0, 8}};
  std::vector<TensorCase> cases;
  const std::vector<ConvGeometry> geometries = conv_transpose_geometries(4, 3);
  for (std::size_t k = half == Half::first ? 0 : 1; k < geometries.size(); k += 2) {
    cases.push_back({.n = 1 + static_cast<int>(k / 2 % 2),
                     .h = 4,
                     .w = 3,
                     .upsampled = upsampled[k % 4],
                     .skip = skip[k % 5],
                     .out = out[k % 3],
                     .g = geometries[k],
                     .bias = k % 3 != 1,
                     .act = acts[k / 2 % 3],
                     .x = slices[k / 2 % 3],
                     .x_skip = slices[k / 3 % 3],
                     .y = slices[k % 3],
                     .float_result = k % 4 == 3});
  }
  return cases;
}

std::vector<TensorCase> tile_cases() {
  return {
      // Several tiles of rows and of columns, tails of all of them, chunks that end with an input.
      {.n = 3, .h = 6, .w = 4, .upsampled = 72, .out = 72, .act = Activation::relu},
      {.n = 1, .h = 6, .w = 5, .upsampled = 72, .skip = 40, .out = 72, .bias = false},
      {.n = 2, .h = 6, .w = 6, .upsampled = 32, .skip = 64, .out = 64, .g = kTorchDoubling, .float_result = true},
      // Pixels split over several blocks, with a chunk that begins in one image row and ends images later.
      {.n = 9, .h = 5, .w = 4, .upsampled = 16, .skip = 8, .out = 16},
      {.n = 150, .h = 1, .w = 1, .upsampled = 8, .out = 8, .float_result = true},
      // A phase without a pixel.
      {.n = 2, .upsampled = 8, .out = 8, .g = {3, 3, 2, 2, {1, 1, 1, 1}}},
      // More channels than one block of the bias sums takes.
      {.h = 2, .upsampled = 8, .out = 2056, .g = {1, 1, 1, 1, {}}},
  };
}

// Tall tiles: from 4096 pixels on.
std::vector<TensorCase> tall_cases() {
  return {{.n = 1,
           .h = 65,
           .w = 64,
           .upsampled = 8,
           .out = 8,
           .g = {3, 1, 2, 1, {0, 1, 0, 0}},
           .act = Activation::relu6,
           .sample = 4000}};
}

TEST(ConvTransposeTensor, ForwardInTf32) {
  SKIP_WITHOUT_CUDA();
  for (const TensorCase& c : geometry_cases(Half::first)) EXPECT_EQ(faults(forward(c)), "");
}
TEST(ConvTransposeTensor, BackwardDataInTf32) {
  SKIP_WITHOUT_CUDA();
  for (const TensorCase& c : geometry_cases(Half::first)) EXPECT_EQ(faults(backward_data(c)), "");
}
TEST(ConvTransposeTensor, BackwardWeightInTf32) {
  SKIP_WITHOUT_CUDA();
  for (const TensorCase& c : geometry_cases(Half::first)) EXPECT_EQ(faults(backward_weight(c)), "");
}
TEST(ConvTransposeTensor, ForwardInBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  for (const TensorCase& c : geometry_cases(Half::second)) EXPECT_EQ(faults(forward(c)), "");
}
TEST(ConvTransposeTensor, BackwardDataInBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  for (const TensorCase& c : geometry_cases(Half::second)) EXPECT_EQ(faults(backward_data(c)), "");
}
TEST(ConvTransposeTensor, BackwardWeightInBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  for (const TensorCase& c : geometry_cases(Half::second)) EXPECT_EQ(faults(backward_weight(c)), "");
}

void expect_tiles_right() {
  for (const TensorCase& c : tile_cases()) {
    EXPECT_EQ(faults(forward(c)), "");
    EXPECT_EQ(faults(backward_data(c)), "");
    EXPECT_EQ(faults(backward_weight(c)), "");
  }
}
void expect_tall_tiles_right() {
  for (const TensorCase& c : tall_cases()) {
    EXPECT_EQ(faults(forward(c)), "");
    EXPECT_EQ(faults(backward_data(c)), "");
  }
}

TEST(ConvTransposeTensor, TilesInTf32) {
  SKIP_WITHOUT_CUDA();
  expect_tiles_right();
}
TEST(ConvTransposeTensor, TilesInBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  expect_tiles_right();
}
TEST(ConvTransposeTensor, TallTilesInTf32) {
  SKIP_WITHOUT_CUDA();
  expect_tall_tiles_right();
}
TEST(ConvTransposeTensor, TallTilesInBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  expect_tall_tiles_right();
}

// What a pointwise layer makes of a pixel of 1, 0, 0...: its kernel as the tensor cores see it.
std::vector<double> as_multiplied(const std::vector<double>& kernels) {
  const int out = static_cast<int>(kernels.size());
  Array x({1, 1, 1, 8}), kernel({1, 1, out, 8});
  x.values[0] = 1;
  for (std::size_t o = 0; o < kernels.size(); ++o) kernel.values[o * 8] = kernels[o];
  GuardedMemory memory({Device::Kind::cuda, 0});
  Stream stream({Device::Kind::cuda, 0}, 1, memory);
  Arguments a({input("x", x, {}, Element::activation), input("kernel", kernel), output("y", {1, 1, 1, out}, {})});
  a.to_device(stream);
  with_types(stream, a, "x", "y", [&]<class T, class Y>() {
    cuda::tensor_conv_transpose_forward<T, Y>(stream, input_views<T>(a), a.data("kernel"), nullptr, Activation::none,
                                              {1, 1, 1, 1, {}}, a.view<Y>("y"));
  });
  a.from_device(stream);
  return a.values("y");
}

TEST(ConvTransposeTensor, RoundsToTheNearestTf32) {
  SKIP_WITHOUT_CUDA();
  const std::vector<double> kernels{1, 1 + 0x1p-10, 1 + 0x1p-11, 1 + 0x1p-12, -1 - 0x1.8p-11, 3, 0x1p-20, -5};
  const std::vector<double> expected{1, 1 + 0x1p-10, 1 + 0x1p-10, 1, -1 - 0x1p-10, 3, 0x1p-20, -5};
  EXPECT_EQ(as_multiplied(kernels), expected);
}
TEST(ConvTransposeTensor, RoundsKernelsToTheNearestBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  const std::vector<double> kernels{1, 1 + 0x1p-7, 1 + 0x1p-8, 1 + 0x1.8p-7, -1 - 0x1.1p-8, 3, 0x1p-20, -5};
  const std::vector<double> expected{1, 1 + 0x1p-7, 1, 1 + 0x1p-6, -1 - 0x1p-7, 3, 0x1p-20, -5};
  EXPECT_EQ(as_multiplied(kernels), expected);
}

// The shapes are looked at, not the memory: any aligned address does.
template <class T>
T* somewhere() {
  alignas(64) static T memory[64];
  return memory;
}

template <class T, class Y>
bool takes(const Stream& stream, int upsampled, int skip, int skip_pitch, int out) {
  const std::vector<View<const T>> inputs{{somewhere<T>(), 1, 2, 2, upsampled},
                                          {somewhere<T>(), 1, 2, 2, skip, skip_pitch}};
  const View<Y> y{somewhere<Y>(), 1, 4, 4, out};
  const float* kernel = somewhere<float>();
  const bool forward = cuda::tensor_conv_transpose_forward_takes<T, Y>(stream, inputs, kernel, y);
  const View<T> dx{somewhere<T>(), 1, 2, 2, skip, skip_pitch};
  EXPECT_EQ((cuda::tensor_conv_transpose_backward_weight_takes<T, Y>(stream, inputs, y, kernel)), forward);
  EXPECT_EQ((cuda::tensor_conv_transpose_backward_data_takes<T, Y>(stream, y, kernel, upsampled + skip, upsampled, dx)),
            forward);
  EXPECT_FALSE((cuda::tensor_conv_transpose_forward_takes<T, Y>(stream, inputs, kernel + 1, y)));
  EXPECT_FALSE((cuda::tensor_conv_transpose_backward_weight_takes<T, Y>(stream, inputs, y, kernel + 1)));
  return forward;
}

TEST(ConvTransposeTensor, TakesWholeVectors) {
  SKIP_WITHOUT_CUDA();
  GuardedMemory memory({Device::Kind::cuda, 0});
  Stream stream({Device::Kind::cuda, 0}, 1, memory);
  EXPECT_TRUE((takes<Bfloat16, Bfloat16>(stream, 64, 96, 96, 32)));
  EXPECT_TRUE((takes<Bfloat16, float>(stream, 64, 96, 104, 32)));
  EXPECT_FALSE((takes<Bfloat16, Bfloat16>(stream, 64, 96, 100, 32)));
  EXPECT_FALSE((takes<Bfloat16, Bfloat16>(stream, 64, 92, 96, 32)));
  EXPECT_FALSE((takes<Bfloat16, float>(stream, 64, 96, 96, 2)));
  EXPECT_FALSE((takes<float, float>(stream, 64, 96, 96, 32)));  // float32 as it is
  stream.set_float32_math(Float32Math::tf32);
  EXPECT_TRUE((takes<float, float>(stream, 64, 92, 100, 36)));
  EXPECT_FALSE((takes<float, float>(stream, 64, 92, 101, 36)));
  EXPECT_FALSE((takes<float, float>(stream, 64, 92, 100, 3)));
}

}  // namespace
}  // namespace karyon::testing
#endif
