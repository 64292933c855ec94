// Global average pooling.
#include "kernels/pool.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/op_case.h"
#include "tests/reference/pool.h"

namespace karyon::testing {
namespace {

struct PoolCase {
  Shape shape;
  Slice x = {}, y = {};
};

OpCase pool(const PoolCase& c) {
  RandomStream random(17, Purpose::bench);
  const Array x = random_array(c.shape, random);
  const Shape y_shape{c.shape[0], 1, 1, c.shape[3]};
  // A sum in float, then a division that rounds once more.
  const auto mean = [x, y_shape](std::int64_t flat) {
    const auto [n, p, q, channel] = reference::unravel(y_shape, flat);
    const double pixels = x.shape[1] * x.shape[2];
    const Expected sum = sum_in_float(reference::sum_of_image(x, n, channel));
    return Expected{sum.value / pixels, sum.tolerance / pixels + std::abs(sum.value) / pixels * 0x1p-24};
  };
  return {
      .name = "pool " + text(c.shape),
      .arguments = {input("x", x, c.x), output("y", y_shape, mean, c.y)},
      .run = [](Stream& stream, Arguments& a) { ON_DEVICE(global_average_pool, stream, a.view("x"), a.view("y")); }};
}

TEST(PoolReference, KnownAnswer) {
  Array x({2, 1, 2, 2});
  x.values = {1, 10, 3, 30, 5, 50, 9, 90};
  EXPECT_EQ(reference::sum_of_image(x, 0, 1).value, 40);
  EXPECT_EQ(reference::sum_of_image(x, 1, 0).value, 14);
}

TEST(Pool, MeanOfEachChannel) {
  // One pixel; channels one by one, beside others; whole vectors, beside others and in several groups.
  for (const PoolCase& c : std::vector<PoolCase>{{{1, 1, 1, 1}},
                                                 {{3, 7, 5, 33}, {1, 2}, {0, 3}},
                                                 {{1, 31, 9, 257}},
                                                 {{2, 7, 7, 64}, {4, 0}, {0, 8}},
                                                 {{2, 4, 4, 1280}}}) {
    EXPECT_EQ(faults(pool(c)), "");
  }
}

}  // namespace
}  // namespace karyon::testing
