// Adding two tensors, also onto one of them.
#include "kernels/add.h"

#include <gtest/gtest.h>

#include "tests/op_case.h"
#include "tests/reference/add.h"

namespace karyon::testing {
namespace {

struct AddCase {
  Shape shape;
  Slice a, b, y;
};

std::vector<AddCase> cases() {
  return {{{1, 1, 1, 1}, {}, {}, {}},          {{2, 7, 5, 31}, {}, {}, {}},
          {{2, 7, 5, 33}, {3, 2}, {0, 5}, {}}, {{1, 7, 5, 257}, {}, {1, 0}, {0, 1}},
          {{2, 32, 32, 24}, {}, {}, {128, 0}}, {{1, 1, 1, 64}, {8, 8}, {}, {16, 0}}};
}

TEST(Add, BesideAndOntoItsInputs) {
  for (const AddCase& c : cases()) {
    RandomStream random(8, Purpose::bench);
    const Array a = random_array(c.shape, random), b = random_array(c.shape, random);
    const auto expected = [a, b](std::int64_t i) {
      const auto k = static_cast<std::size_t>(i);
      return Expected{reference::add(a.values[k], b.values[k]), 0};
    };
    EXPECT_EQ(faults({.name = "add " + text(c.shape),
                      .arguments = {input("a", a, c.a), input("b", b, c.b), output("y", c.shape, expected, c.y)},
                      .run =
                          [](Stream& stream, Arguments& bound) {
                            ON_DEVICE(add, stream, bound.view("a"), bound.view("b"), bound.view("y"));
                          }}),
              "");
    EXPECT_EQ(faults({.name = "add onto a " + text(c.shape),
                      .arguments = {in_place("a", a, expected, c.a), input("b", b, c.b)},
                      .run =
                          [](Stream& stream, Arguments& bound) {
                            ON_DEVICE(add, stream, bound.view("a"), bound.view("b"), bound.view("a"));
                          }}),
              "");
    EXPECT_EQ(faults({.name = "add onto b " + text(c.shape),
                      .arguments = {input("a", a, c.a), in_place("b", b, expected, c.b)},
                      .run =
                          [](Stream& stream, Arguments& bound) {
                            ON_DEVICE(add, stream, bound.view("a"), bound.view("b"), bound.view("b"));
                          }}),
              "");
  }
}

}  // namespace
}  // namespace karyon::testing
