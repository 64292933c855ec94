// Global average pooling.
#include "kernels/pool.h"

#include <gtest/gtest.h>

#include "tests/op_case.h"

namespace karyon::testing {
namespace {

struct PoolCase {
  Shape shape;
  Slice x = {}, y = {};
};

OpCase pool(const PoolCase& c) {
  RandomStream random(16, Purpose::bench);
  const Array x = random_array(c.shape, random);
  const Shape shape{c.shape[0], 1, 1, c.shape[3]};
  const auto mean = [x](int n, int, int, int channel) {
    reference::Sum sum;
    for (int h = 0; h < x.shape[1]; ++h) {
      for (int w = 0; w < x.shape[2]; ++w) sum.add(x.at(n, h, w, channel) / (x.shape[1] * x.shape[2]));
    }
    return sum;
  };
  return {
      .name = "pool " + text(c.shape),
      .arguments = {input("x", x, c.x), output("y", shape, sums_in_float(shape, mean), c.y)},
      .run = [](Stream& stream, Arguments& a) { ON_DEVICE(global_average_pool, stream, a.view("x"), a.view("y")); }};
}

TEST(Pool, MeansOfEveryChannel) {
  for (const PoolCase& c : std::vector<PoolCase>{{.shape = {2, 7, 7, 64}},
                                                 {.shape = {3, 7, 5, 33}, .x = {1, 2}, .y = {0, 3}},
                                                 {.shape = {1, 1, 1, 1}},
                                                 {.shape = {1, 31, 9, 257}}}) {
    EXPECT_EQ(faults(pool(c)), "");
  }
}

}  // namespace
}  // namespace karyon::testing
