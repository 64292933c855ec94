// The gradients' norm and the clipping factor against sums in double.
#include "kernels/gradient_norm.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/copy.h"
#include "tests/op_case.h"

namespace karyon::testing {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

/// The result as two numbers that the harness compares; one that is no number is -1, an infinite one -2.
double told(double value) { return std::isnan(value) ? -1 : std::isinf(value) ? -2 : value; }

OpCase norm_of(const Array& g, float limit, double norm, double factor) {
  const auto count = static_cast<std::int64_t>(g.values.size());
  return {.name = "norm of " + std::to_string(count),
          .arguments = {input("g", g), output(
                                           "numbers", {1, 1, 1, 2},
                                           [=](std::int64_t i) {
                                             const double value = told(i == 0 ? norm : factor);
                                             return Expected{value, std::abs(value) * (i == 0 ? 1e-13 : 1e-7)};
                                           },
                                           {}, Element::f64)},
          .run = [count, limit](Stream& stream, Arguments& a) {
            auto* result = static_cast<GradientNorm*>(stream.memory().allocate(sizeof(GradientNorm), true));
            ON_DEVICE(gradient_norm, stream, count, a.data("g"), limit, result);
            GradientNorm got;
            download(stream, &got, result, sizeof got);
            const double numbers[] = {told(got.norm), told(static_cast<double>(got.factor))};
            upload(stream, a.data<double>("numbers"), numbers, sizeof numbers);
            stream.memory().release(result);
          }};
}

Array gradients(int count, double size) {
  RandomStream random(18, Purpose::bench);
  Array g = random_array({1, 1, 1, count}, random);
  for (double& value : g.values) value = static_cast<double>(static_cast<float>(value * size));
  return g;
}

double reference_norm(const Array& g) {
  long double sum = 0;
  for (const double value : g.values) sum += static_cast<long double>(value) * value;
  return static_cast<double>(std::sqrt(sum));
}

TEST(GradientNorm, IsTheRootOfTheSumOfSquares) {
  for (const int count : {1, 7, 33, 257, 16384, 70001}) {
    const Array g = gradients(count, 0.1);
    const double norm = reference_norm(g);
    EXPECT_EQ(faults(norm_of(g, 1e30F, norm, 1)), "");
  }
}

TEST(GradientNorm, AboveTheLimitScalesDownToIt) {
  const Array g = gradients(5000, 3);
  const double norm = reference_norm(g);
  EXPECT_EQ(faults(norm_of(g, 0.5F, norm, 0.5 / norm)), "");
  Array threes({1, 1, 1, 2});
  threes.values = {3, 4};
  EXPECT_EQ(faults(norm_of(threes, 5, 5, 1)), "") << "at the limit nothing changes";
  EXPECT_EQ(faults(norm_of(threes, 4, 5, 0.8)), "");
  EXPECT_EQ(faults(norm_of(Array({1, 1, 1, 40}), 1, 0, 1)), "") << "no division by a norm of zero";
}

TEST(GradientNorm, OfFiniteGradientsIsFinite) {
  Array g({1, 1, 1, 3});
  g.values = {0x1p127, -0x1p127, 0x1p127};
  const double norm = std::sqrt(3.0) * 0x1p127;
  EXPECT_EQ(faults(norm_of(g, 1, norm, static_cast<double>(static_cast<float>(1 / norm)))), "");
}

TEST(GradientNorm, ThatIsNotFiniteIsNotHidden) {
  for (const double bad : {kInf, -kInf}) {  // a NaN input would be none of the harness's: it is not equal to itself
    Array g = gradients(3000, 1);
    g.values[2500] = bad;
    EXPECT_EQ(faults(norm_of(g, 1, kInf, kNaN)), "");
  }
}

}  // namespace
}  // namespace karyon::testing
