// Folding batch norm into kernels of every layout.
#include "kernels/fold.h"

#include <cmath>
#include <limits>
#include <memory>

#include <gtest/gtest.h>

#include "tests/op_case.h"
#include "tests/reference/fold.h"

namespace karyon::testing {
namespace {

constexpr double kEps = std::numeric_limits<float>::epsilon();
constexpr float kEpsilon = 1e-3F;

struct FoldCase {
  int outer, channels, inner;
};

OpCase fold(const FoldCase& c) {
  RandomStream random(15, Purpose::bench);
  const Shape vector{1, 1, 1, c.channels};
  const Array kernel = random_array({1, c.outer, c.channels, c.inner}, random);
  const Array gamma = random_array(vector, random), beta = random_array(vector, random);
  const Array mean = random_array(vector, random);
  Array variance = random_array(vector, random);
  for (double& v : variance.values) v = as_stored(std::abs(v));
  const auto folded = std::make_shared<reference::Folded>(
      reference::fold_batch_norm(kernel, gamma, beta, mean, variance, static_cast<double>(kEpsilon)));
  const auto near = [](const Array& values, double scale) {
    return [values, scale](std::int64_t i) {
      const double value = values.values[static_cast<std::size_t>(i)];
      return Expected{value, 4 * kEps * (std::abs(value) + scale)};
    };
  };
  return {.name = "fold " + text(kernel.shape),
          .arguments = {input("kernel", kernel), input("gamma", gamma), input("beta", beta), input("mean", mean),
                        input("variance", variance), output("folded", kernel.shape, near(folded->kernel, 0)),
                        // A variance of nearly zero makes the scale about 30, and the bias a difference of such.
                        output("bias", vector, near(folded->bias, 100))},
          .run = [c](Stream& stream, Arguments& a) {
            ON_DEVICE(fold_batch_norm, stream, std::int64_t{c.outer}, c.channels, std::int64_t{c.inner},
                      a.data("kernel"), a.data("gamma"), a.data("beta"), a.data("mean"), a.data("variance"), kEpsilon,
                      a.data("folded"), a.data("bias"));
          }};
}

TEST(Fold, KernelsOfEveryLayout) {
  // HWIO (the outputs last), HWOI (inputs behind them), depthwise, and sizes that fit nothing.
  for (const FoldCase& c :
       std::vector<FoldCase>{{27, 32, 1}, {9, 16, 24}, {9, 33, 1}, {1, 1, 1}, {3, 257, 5}, {1, 700, 1}}) {
    EXPECT_EQ(faults(fold(c)), "");
  }
}

}  // namespace
}  // namespace karyon::testing
