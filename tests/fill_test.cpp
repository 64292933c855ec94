// One value everywhere in a view and nowhere else.
#include "kernels/fill.h"

#include <gtest/gtest.h>

#include "tests/op_case.h"

namespace karyon::testing {
namespace {

OpCase filling(const Shape& shape, float value, Slice y) {
  const auto expected = [value](std::int64_t) { return Expected{static_cast<double>(value), 0}; };
  return {.name = "fill " + text(shape),
          .arguments = {output("y", shape, expected, y)},
          .run = [value](Stream& stream, Arguments& a) { ON_DEVICE(fill, stream, value, a.view("y")); }};
}

TEST(Fill, WritesTheViewAlone) {
  EXPECT_EQ(faults(filling({1, 1, 1, 1}, 1.5F, {})), "");
  EXPECT_EQ(faults(filling({2, 7, 5, 31}, 0.0F, {3, 2})), "");
  EXPECT_EQ(faults(filling({1, 1, 1, 4096}, -0.1F, {})), "");
  EXPECT_EQ(faults(filling({2, 7, 5, 64}, 1e30F, {0, 16})), "");
}

}  // namespace
}  // namespace karyon::testing
