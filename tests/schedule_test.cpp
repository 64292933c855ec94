// Learning rates against stored values of the peers' formulas, evaluated on their own.
#include "engine/schedule.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/check.h"

namespace karyon {
namespace {

void expect_rates(const Schedule& schedule, const std::vector<double>& expected) {
  const std::vector<float> rates = schedule.rates(0, static_cast<int>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(rates[i]), expected[i], 1e-6 * expected[i]) << "step " << i;
  }
}

TEST(Schedule, ConstantIsTheBaseRate) {
  const Schedule schedule({.base = 1e-3});
  EXPECT_EQ(schedule.rate(0), 1e-3F);
  EXPECT_EQ(schedule.rate(1000000), 1e-3F);
}

TEST(Schedule, WarmUpRisesInEqualSteps) {
  expect_rates(Schedule({.base = 0.4, .warm_up_steps = 4}), {0.1, 0.2, 0.3, 0.4, 0.4, 0.4});
}

// CosineAnnealingLR(SGD(lr=0.1), T_max=8, eta_min=0.01), and CosineDecay(0.1, 8, alpha=0.1).
TEST(Schedule, CosineIsPyTorchsAndKeras) {
  expect_rates(Schedule({.kind = ScheduleKind::cosine, .base = 0.1, .total_steps = 8, .lowest = 0.01}),
               {0.1, 0.09657457896, 0.08681980515, 0.07222075446, 0.055, 0.03777924554, 0.02318019485, 0.01342542104,
                0.01, 0.01});
}

TEST(Schedule, CosineBeginsBehindTheWarmUp) {
  const Schedule plain({.kind = ScheduleKind::cosine, .base = 0.1, .total_steps = 8, .lowest = 0.01});
  const Schedule later(
      {.kind = ScheduleKind::cosine, .base = 0.1, .total_steps = 10, .warm_up_steps = 2, .lowest = 0.01});
  EXPECT_EQ(later.rate(0), 0.05F);
  EXPECT_EQ(later.rate(1), 0.1F);
  for (int step = 0; step < 12; ++step) EXPECT_EQ(later.rate(step + 2), plain.rate(step));
}

// OneCycleLR(SGD(lr=1), max_lr=0.1, total_steps=10).
TEST(Schedule, OneCycleIsPyTorchs) {
  expect_rates(Schedule({.kind = ScheduleKind::one_cycle, .base = 0.1, .total_steps = 10}),
               {0.004, 0.052, 0.1, 0.0950484632, 0.08117456539, 0.06112620219, 0.03887419781, 0.01882583461,
                0.004951936799, 4e-07, 4e-07});
}

TEST(Schedule, AShortCycleHasRatesToo) {
  for (const int total : {1, 2, 3, 4}) {
    const Schedule schedule({.kind = ScheduleKind::one_cycle, .base = 0.1, .total_steps = total});
    for (int step = 0; step <= total; ++step) {
      EXPECT_GT(schedule.rate(step), 0) << total;
      EXPECT_LE(schedule.rate(step), 0.1F) << total;
    }
  }
}

// ReduceLROnPlateau(factor=0.1, patience=2, min_delta=0.1, min_lr=0.003) from 0.1, a loss an epoch.
TEST(Schedule, PlateauIsKeras) {
  Schedule schedule({.kind = ScheduleKind::plateau, .base = 0.1, .lowest = 0.003, .patience = 2, .min_delta = 0.1});
  const std::vector<double> losses{1.0, 0.95, 0.8, 0.75, 0.72, 0.71, std::nan(""), 0.9, 0.9, 0.9, 0.1};
  const std::vector<double> rates{0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.003, 0.003, 0.003, 0.003, 0.003};
  for (std::size_t epoch = 0; epoch < losses.size(); ++epoch) {
    const float before = schedule.rate(0);
    EXPECT_EQ(schedule.observe(losses[epoch]), rates[epoch] < static_cast<double>(before) * 0.99) << epoch;
    EXPECT_NEAR(static_cast<double>(schedule.rate(0)), rates[epoch], 1e-8) << epoch;
  }
}

TEST(Schedule, APlateauGoesOnFromItsState) {
  const ScheduleSettings settings{.kind = ScheduleKind::plateau, .base = 0.1, .patience = 2};
  Schedule whole(settings), first(settings), second(settings);
  for (const double loss : {1.0, 1.1}) {
    whole.observe(loss);
    first.observe(loss);
  }
  second.restore(first.state());
  for (const double loss : {1.2, 0.5, 0.6}) EXPECT_EQ(whole.observe(loss), second.observe(loss));
  EXPECT_EQ(whole.state(), second.state());
  EXPECT_LT(whole.rate(0), 0.05F);
}

TEST(Schedule, OnlyAPlateauListens) {
  Schedule schedule({.base = 0.1, .patience = 1});
  for (int epoch = 0; epoch < 5; ++epoch) EXPECT_FALSE(schedule.observe(1));
  EXPECT_EQ(schedule.rate(0), 0.1F);
}

TEST(Schedule, RefusesWhatHasNoEnd) {
  EXPECT_THROW(Schedule({.kind = ScheduleKind::cosine}), Error);
  EXPECT_THROW(Schedule({.kind = ScheduleKind::cosine, .total_steps = 5, .warm_up_steps = 5}), Error);
  EXPECT_THROW(Schedule({.kind = ScheduleKind::one_cycle, .total_steps = 5, .warm_up_steps = 1}), Error);
}

}  // namespace
}  // namespace karyon
