// The moving average of weights against the formula in double.
#include "kernels/moving_average.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/op_case.h"

namespace karyon::testing {
namespace {

constexpr double kEps = std::numeric_limits<float>::epsilon();

OpCase averaged(int count, float keep) {
  RandomStream random(17, Purpose::bench);
  const Shape shape{1, 1, 1, count};
  const Array values = random_array(shape, random), average = random_array(shape, random);
  Array kept({1, 1, 1, 1});
  kept.values[0] = static_cast<double>(keep);
  return {
      .name = "average of " + std::to_string(count),
      .arguments = {input("values", values), input("keep", kept),
                    in_place("average", average,
                             [=](std::int64_t flat) {
                               const double k = static_cast<double>(keep), before = average.at(flat),
                                            now = values.at(flat);
                               if (k == 0) return Expected{now, 0};
                               return Expected{k * before + (1 - k) * now, kEps * (std::abs(before) + std::abs(now))};
                             })},
      .run = [count](Stream& stream, Arguments& a) {
        ON_DEVICE(moving_average, stream, std::int64_t{count}, a.data("values"), a.data("keep"), a.data("average"));
      }};
}

TEST(MovingAverage, MovesByOneStep) {
  for (const int count : {1, 31, 1000, 70001}) EXPECT_EQ(faults(averaged(count, 0.75F)), "");
  EXPECT_EQ(faults(averaged(300, 0.999F)), "");
}

TEST(MovingAverage, ThatKeepsNothingIsTheValues) { EXPECT_EQ(faults(averaged(300, 0.0F)), ""); }

}  // namespace
}  // namespace karyon::testing
