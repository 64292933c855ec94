#include "apps/tensorboard/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace karyon {

namespace {

/// All limits, ascending. Computed as TensorFlow does, by repeated products, so that the last bits agree.
std::vector<double> all_limits() {
  std::vector<double> positive;
  for (double limit = 1e-12; limit < 1e20; limit *= 1.1) positive.push_back(limit);
  positive.push_back(std::numeric_limits<double>::max());
  std::vector<double> limits;
  std::transform(positive.rbegin(), positive.rend(), std::back_inserter(limits), [](double limit) { return -limit; });
  limits.push_back(0.0);
  limits.insert(limits.end(), positive.begin(), positive.end());
  return limits;
}

}  // namespace

Histogram histogram(std::span<const float> values) {
  static const std::vector<double> kLimits = all_limits();
  std::vector<double> counts(kLimits.size(), 0.0);
  Histogram h;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    h.min = h.num == 0 ? value : std::min(h.min, value);
    h.max = h.num == 0 ? value : std::max(h.max, value);
    h.num += 1;
    h.sum += value;
    h.sum_squares += value * value;
    counts[static_cast<std::size_t>(std::upper_bound(kLimits.begin(), kLimits.end(), value) - kLimits.begin())] += 1;
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const bool again_empty = counts[i] == 0 && !h.counts.empty() && h.counts.back() == 0;
    if (again_empty) {
      h.limits.back() = kLimits[i];
    } else {
      h.limits.push_back(kLimits[i]);
      h.counts.push_back(counts[i]);
    }
  }
  return h;
}

}  // namespace karyon
