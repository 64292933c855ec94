// From sums to bytes: every variant that this machine has against the formula.
#include "kernels/requantise_int8.h"

#include <gtest/gtest.h>

#include "tests/reference/int8.h"

namespace karyon::testing {
namespace {

void check(const std::vector<std::int32_t>& sums, const std::vector<float>& scale, const ByteOutput& output,
           const std::vector<std::uint8_t>& residual) {
  constexpr int kRows = 3;
  const auto columns = static_cast<int>(scale.size());
  ASSERT_EQ(sums.size(), kRows * scale.size());
  for (const RequantiseVariant& variant : requantise_variants()) {
    std::vector<std::uint8_t> y = residual.empty() ? std::vector<std::uint8_t>(sums.size()) : residual;
    std::uint8_t* rows[kRows];
    for (int r = 0; r < kRows; ++r) rows[r] = y.data() + static_cast<std::ptrdiff_t>(r) * columns;
    variant.compute({sums.data(), kRows, columns, scale.data(), residual.empty() ? nullptr : rows, rows}, output);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const int before = residual.empty() ? 0 : residual[i];
      ASSERT_EQ(int{y[i]},
                reference::requantise(sums[i], scale[i % scale.size()], output, residual.empty() ? nullptr : &before))
          << variant.name << ", sum " << sums[i] << ", residual " << before;
    }
  }
}

TEST(RequantiseInt8, TiesGoToEven) {
  std::vector<std::int32_t> sums;
  for (int i = 0; i < 3 * 16; ++i) sums.push_back(2 * i + 1);
  const std::vector<float> halves(16, 0.5F);
  check(sums, halves, {}, {});
  check(sums, halves, {.zero = 3}, {});
}

TEST(RequantiseInt8, ClampsToItsBounds) {
  std::vector<std::int32_t> sums;
  for (int i = 0; i < 3 * 32; ++i) sums.push_back((i - 48) * 40000000);
  const std::vector<float> scale(32, 1e-6F);
  check(sums, scale, {}, {});
  check(sums, scale, {.zero = 100, .low = 100, .high = 180}, {});
}

TEST(RequantiseInt8, AddsAResidualInItsOwnStep) {
  RandomStream random(2, Purpose::bench);
  std::vector<std::int32_t> sums;
  std::vector<std::uint8_t> residual;
  for (int i = 0; i < 3 * 64; ++i) {
    sums.push_back(static_cast<std::int32_t>(random.below(200000)) - 100000);
    residual.push_back(static_cast<std::uint8_t>(random.next_u32()));
  }
  for (int times = 0; times < 200; ++times) {
    check(sums, random_scale(64, 300, random),
          {.zero = 117, .residual_scale = 0.71F + 0.001F * static_cast<float>(times)}, residual);
  }
}

}  // namespace
}  // namespace karyon::testing
