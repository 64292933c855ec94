#include "apps/drawing/axis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "kernels/check.h"

namespace karyon {

namespace {

/// Slack for what dividing by the step rounds.
constexpr double kSlack = 1e-9;

double round_step(double extent, int wanted) {
  const double raw = extent / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double fraction = raw / power;
  for (const double nice : {1.0, 2.0, 5.0}) {
    if (fraction <= nice * (1 + kSlack)) return nice * power;
  }
  return 10 * power;
}

/// "0.95", "12000", "2e-6", "1.5e+8": plain up to four decimals and six digits, else with a power of ten.
std::string label_of(double value, double step, double largest) {
  if (std::abs(value) < step * kSlack) value = 0;
  std::array<char, 64> text{};
  const int step_power = static_cast<int>(std::floor(std::log10(step) + kSlack));
  if (step_power >= -4 && largest < 1e6) {
    std::snprintf(text.data(), text.size(), "%.*f", std::max(0, -step_power), value);
    return text.data();
  }
  if (value == 0) return "0";
  const int power = static_cast<int>(std::floor(std::log10(std::abs(value)) + kSlack));
  std::snprintf(text.data(), text.size(), "%.*fe%d", std::clamp(power - step_power, 0, 15),
                value / std::pow(10.0, power), power);
  return text.data();
}

}  // namespace

Range range_of(std::span<const std::vector<double>> series) {
  Range range{INFINITY, -INFINITY};
  for (const std::vector<double>& values : series) {
    for (const double value : values) {
      if (!std::isfinite(value)) continue;
      range = {std::min(range.low, value), std::max(range.high, value)};
    }
  }
  return range.low <= range.high ? range : Range{};
}

Range padded(Range range) {
  const double size = std::max(std::abs(range.low), std::abs(range.high));
  if (size == 0) return {-0.5, 0.5};
  if (range.low == range.high) return {std::min(0.0, 2 * range.low), std::max(0.0, 2 * range.low)};
  const double room = std::max((range.high - range.low) / 20, size / 100);
  return {range.low - room, range.high + room};
}

Ticks round_ticks(Range range, int wanted, double least_step) {
  KARYON_CHECK(std::isfinite(range.low) && std::isfinite(range.high) && range.low < range.high && wanted >= 1,
               "an axis has an extent");
  double step = std::max(round_step(range.high - range.low, wanted), least_step);
  const auto count = [&] { return std::floor(range.high / step + kSlack) - std::ceil(range.low / step - kSlack) + 1; };
  while (count() < 2 && step > least_step) step = std::max(round_step(step / 2, 1), least_step);
  Ticks ticks;
  const double first = std::ceil(range.low / step - kSlack);
  const double largest = std::max(std::abs(range.low), std::abs(range.high));
  for (int i = 0; i < static_cast<int>(count()); ++i) {
    const double value = (first + i) * step;
    ticks.values.push_back(value);
    ticks.labels.push_back(label_of(value, step, largest));
  }
  return ticks;
}

}  // namespace karyon
