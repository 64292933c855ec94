#include "model/activation_ranges.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace karyon {

namespace {

constexpr std::size_t kMostSamples = 1 << 16;  // of one layer and call

}  // namespace

Observer RangeMeter::observer() {
  return [this](const std::string& layer, const Tensor& result) {
    const std::vector<float> values = result.to_vector();
    std::vector<float>& kept = samples_[layer];
    const std::size_t step = (values.size() / kMostSamples) | 1;
    for (std::size_t i = 0; i < values.size(); i += step) kept.push_back(values[i]);
  };
}

ActivationRanges RangeMeter::ranges() const {
  ActivationRanges ranges;
  const char* e = std::getenv("PCT");
  const double cut = e ? std::atof(e) : 0;
  for (const auto& [layer, samples] : samples_) {
    std::vector<float> sorted = samples;
    std::ranges::sort(sorted);
    const auto last = static_cast<double>(sorted.size() - 1);
    ranges[layer] = {sorted[static_cast<std::size_t>(cut * last)], sorted[static_cast<std::size_t>((1 - cut) * last)]};
  }
  return ranges;
}

}  // namespace karyon
