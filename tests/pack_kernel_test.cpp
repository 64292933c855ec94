// A kernel in cuDNN's layout and a gradient back from it: a permutation, so every element is compared exactly.
#include "kernels/pack_kernel.h"

#include <gtest/gtest.h>

#include "tests/bfloat16.h"
#include "tests/op_case.h"

#if KARYON_WITH_CUDA

namespace karyon::testing {
namespace {

// Packing has no twin on the CPU: in force, StoredAs bf16 keeps the cases to CUDA, whatever the cases' own types are.
class PackKernel : public ::testing::Test {
 protected:
  void SetUp() override { SKIP_WITHOUT_CUDA(); }

 private:
  StoredAs on_cuda_{ElementType::bf16};
};

std::vector<KernelPacking> packings() {
  return {{},
          {.kernel_h = 3, .kernel_w = 3, .in = 3, .out = 32, .packed_h = 3, .packed_w = 3},
          {.kernel_h = 3, .kernel_w = 3, .in = 3, .out = 32, .packed_h = 4, .packed_w = 4, .top = 1, .left = 1},
          {.kernel_h = 3, .kernel_w = 2, .in = 31, .out = 33, .packed_h = 5, .packed_w = 2, .top = 1},
          {.kernel_h = 1, .kernel_w = 1, .in = 40, .out = 70, .packed_h = 2, .packed_w = 3, .left = 2},
          {.kernel_h = 1, .kernel_w = 1, .in = 257, .out = 1, .packed_h = 1, .packed_w = 1}};
}

Shape hwio(const KernelPacking& p) { return {p.kernel_h, p.kernel_w, p.in, p.out}; }
Shape ohwi(const KernelPacking& p) { return {p.out, p.packed_h, p.packed_w, p.in}; }

std::string name(const char* what, const KernelPacking& p) {
  return std::string(what) + " " + text(hwio(p)) + " in " + text(ohwi(p)) + " at " + std::to_string(p.top) + "," +
         std::to_string(p.left);
}

Array packed(const KernelPacking& p, const Array& kernel) {
  return reference::build(ohwi(p), [&](int o, int r, int s, int i) {
    const int row = r - p.top, column = s - p.left;
    const bool inside = row >= 0 && row < p.kernel_h && column >= 0 && column < p.kernel_w;
    return inside ? kernel.at(row, column, i, o) : 0.0;
  });
}

Array floats(const Shape& shape) {
  RandomStream random(18, Purpose::bench);
  Array values(shape);
  for (double& value : values.values) value = static_cast<double>(random.normal());
  return values;
}

template <class T>
OpCase packing(const KernelPacking& p, Element stored) {
  const Array kernel = floats(hwio(p));
  const auto expected = [result = packed(p, kernel), stored](std::int64_t i) {
    const double value = result.values[static_cast<std::size_t>(i)];
    return Expected{stored == Element::f32 ? value : to_double(to_bfloat16(static_cast<float>(value))), 0};
  };
  return {.name = name("pack", p),
          .arguments = {input("hwio", kernel), output("packed", ohwi(p), expected, {}, stored)},
          .run = [p](Stream& stream, Arguments& a) {
            cuda::pack_kernel<T>(stream, a.data("hwio"), p, a.data<T>("packed"));
          }};
}

TEST_F(PackKernel, InFloat) {
  for (const KernelPacking& p : packings()) EXPECT_EQ(faults(packing<float>(p, Element::f32)), "");
}

TEST_F(PackKernel, InBfloat16) {
  for (const KernelPacking& p : packings()) EXPECT_EQ(faults(packing<Bfloat16>(p, Element::bf16)), "");
}

TEST_F(PackKernel, AGradientBack) {
  for (const KernelPacking& p : packings()) {
    const Array gradient = floats(ohwi(p));
    const auto expected = [p, gradient](std::int64_t i) {
      const auto [r, s, in, out] = reference::unravel(hwio(p), i);
      return Expected{gradient.at(out, r + p.top, s + p.left, in), 0};
    };
    const OpCase op{
        .name = name("unpack", p),
        .arguments = {input("packed", gradient), output("hwio", hwio(p), expected)},
        .run = [p](Stream& stream, Arguments& a) { cuda::unpack_kernel(stream, a.data("packed"), p, a.data("hwio")); }};
    EXPECT_EQ(faults(op), "");
  }
}

}  // namespace
}  // namespace karyon::testing

#endif
