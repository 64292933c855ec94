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

enum class Destination : std::uint8_t { beside, onto_a, onto_b };

OpCase addition(const AddCase& c, Destination destination) {
  constexpr Element kStored = Element::activation;
  RandomStream random(8, Purpose::bench);
  const Array a = random_array(c.shape, random), b = random_array(c.shape, random);
  const auto expected = [a, b](std::int64_t i) {
    const auto k = static_cast<std::size_t>(i);
    const double sum = reference::add(a.values[k], b.values[k]);
    return Expected{static_cast<double>(static_cast<float>(sum)), 0};
  };
  std::vector<Argument> arguments;
  std::string y = "y";
  if (destination == Destination::onto_a) {
    arguments = {in_place("a", a, expected, c.a, kStored), input("b", b, c.b, kStored)};
    y = "a";
  } else if (destination == Destination::onto_b) {
    arguments = {input("a", a, c.a, kStored), in_place("b", b, expected, c.b, kStored)};
    y = "b";
  } else {
    arguments = {input("a", a, c.a, kStored), input("b", b, c.b, kStored),
                 output("y", c.shape, expected, c.y, kStored)};
  }
  return {.name = "add onto " + y + " " + text(c.shape),
          .arguments = std::move(arguments),
          .run = [y](Stream& stream, Arguments& bound) {
            with_type(bound.type("a"), [&]<class T>() {
              ON_DEVICE_AS((T), add, stream, bound.view<T>("a"), bound.view<T>("b"), bound.view<T>(y));
            });
          }};
}

TEST(Add, BesideAndOntoItsInputs) {
  for (const AddCase& c : cases()) {
    for (const Destination to : {Destination::beside, Destination::onto_a, Destination::onto_b}) {
      EXPECT_EQ(faults(addition(c, to)), "");
    }
  }
}

TEST(Add, InBfloat16) {
  SKIP_WITHOUT_CUDA();
  const StoredAs bf16(ElementType::bf16);
  for (const AddCase& c : cases()) {
    for (const Destination to : {Destination::beside, Destination::onto_a, Destination::onto_b}) {
      EXPECT_EQ(faults(addition(c, to)), "");
    }
  }
}

}  // namespace
}  // namespace karyon::testing
