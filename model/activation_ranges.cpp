#include "model/activation_ranges.h"

#include <algorithm>
#include <numeric>

namespace karyon {

namespace {

constexpr std::size_t kMostSamples = 1 << 14;  // of one layer and batch
constexpr double kCut = 1e-4;                  // share of the samples at either end

}  // namespace

Observer RangeMeter::observer() {
  return [this](const std::string& layer, const Tensor& result) {
    const std::vector<float> values = result.to_vector();
    const auto channels = static_cast<std::size_t>(result.shape().back());
    std::size_t step = std::max<std::size_t>(1, values.size() / kMostSamples);
    while (std::gcd(step, channels) != 1) ++step;  // no channel is passed over
    std::vector<float>& samples = samples_[layer];
    for (std::size_t i = 0; i < values.size(); i += step) samples.push_back(values[i]);
  };
}

ActivationRanges RangeMeter::ranges() const {
  ActivationRanges ranges;
  for (const auto& [layer, samples] : samples_) {
    std::vector<float> sorted = samples;
    const auto cut = static_cast<std::ptrdiff_t>(kCut * static_cast<double>(sorted.size()));
    const auto low = sorted.begin() + cut, high = sorted.end() - 1 - cut;
    std::ranges::nth_element(sorted, low);
    const float lowest = *low;
    std::ranges::nth_element(sorted, high);
    ranges[layer] = {lowest, *high};
  }
  return ranges;
}

}  // namespace karyon
