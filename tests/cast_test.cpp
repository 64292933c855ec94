// Conversion between storage types: exact to floats, to the nearest Bfloat16, ties to even.
#include "kernels/cast.h"

#include <bit>

#include <gtest/gtest.h>

#include "tests/bfloat16.h"
#include "tests/op_case.h"

namespace karyon::testing {
namespace {

struct CastCase {
  Shape shape;
  Slice x = {}, y = {};
};

std::vector<CastCase> cases() {
  return {{.shape = {1, 1, 1, 1}},
          {.shape = {2, 7, 5, 31}},
          {.shape = {2, 7, 5, 33}, .x = {3, 2}},
          {.shape = {1, 7, 5, 257}, .y = {1, 0}},
          {.shape = {2, 9, 8, 24}},
          {.shape = {1, 7, 5, 64}, .x = {8, 0}, .y = {0, 4}},
          {.shape = {1, 7, 5, 64}, .x = {2, 2}}};
}

OpCase to_floats(const CastCase& c) {
  RandomStream random(16, Purpose::bench);
  const Array x = random_array(c.shape, random);
  const auto expected = [x](std::int64_t i) { return Expected{x.values[static_cast<std::size_t>(i)], 0}; };
  return {.name = "to floats " + text(c.shape),
          .arguments = {input("x", x, c.x, Element::activation), output("y", c.shape, expected, c.y)},
          .run = [](Stream& stream, Arguments& a) {
            with_type(a.type("x"),
                      [&]<class T>() { ON_DEVICE_AS((T), to_float32, stream, a.view<T>("x"), a.view("y")); });
          }};
}

TEST(Cast, ToFloats) {
  for (const CastCase& c : cases()) EXPECT_EQ(faults(to_floats(c)), "");
}

TEST(Cast, ToFloatsFromBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  for (const CastCase& c : cases()) EXPECT_EQ(faults(to_floats(c)), "");
}

#if KARYON_WITH_CUDA
/// Floats of all bits, with numbers half way between two Bfloat16s among them.
Array floats_to_round(const Shape& shape) {
  RandomStream random(17, Purpose::bench);
  Array x(shape);
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    auto value = random.normal();
    if (i % 3 == 0) value = std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) & 0xffff0000U) | 0x8000U);
    x.values[i] = static_cast<double>(value);
  }
  return x;
}

/// Compared as floats, without tolerance: a comparison as Bfloat16 would grant half a unit of rounding.
OpCase to_bfloat16_and_back(const CastCase& c) {
  const Array x = floats_to_round(c.shape);
  const auto expected = [x](std::int64_t i) {
    return Expected{to_double(to_bfloat16(static_cast<float>(x.values[static_cast<std::size_t>(i)]))), 0};
  };
  return {.name = "to Bfloat16 " + text(c.shape),
          .arguments = {input("x", x, c.x), output("y", c.shape, expected, c.y, Element::bf16),
                        output("back", c.shape, expected)},
          .run = [](Stream& stream, Arguments& a) {
            cuda::to_bfloat16(stream, a.view("x"), a.view<Bfloat16>("y"));
            cuda::to_float32<Bfloat16>(stream, a.view<Bfloat16>("y"), a.view("back"));
          }};
}

TEST(Cast, ToBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);  // on CUDA alone
  for (const CastCase& c : cases()) EXPECT_EQ(faults(to_bfloat16_and_back(c)), "");
}
#endif

}  // namespace
}  // namespace karyon::testing
