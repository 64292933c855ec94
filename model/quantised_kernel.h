// A float kernel as signed bytes.
// Invariant: kernel[i] * step(i) = scale[output(i)] * weights[i] to half a scale, and the largest weight of an output
// is 127 (or the scale is wide enough for the bias to fit into 32 bits).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace karyon {

struct QuantisedKernel {
  std::vector<std::int8_t> weights;  // in the kernel's order
  std::vector<float> scale;          // [outputs]: what 1 in an integer sum is worth
  std::vector<std::int32_t> bias;    // [outputs]: in units of the scale
};

/// Scales for a depthwise kernel [taps][channels], each at most a quarter wider than the largest weight needs. The taps
/// of a channel see much the same value, so that what they add up to matters most: a channel whose large weights cancel
/// each other is lost by roundings of one sign.
inline std::vector<float> depthwise_scales(std::span<const float> kernel, int channels) {
  constexpr int kTried = 1024;
  constexpr float kWidest = 0.25F;
  constexpr double kAlike = 100;  // a picture's mean square over its variance from tap to tap, roughly
  const auto count = static_cast<std::size_t>(channels);
  std::vector<float> scales(count);
  for (std::size_t c = 0; c < count; ++c) {
    float largest = 0;
    for (std::size_t i = c; i < kernel.size(); i += count) largest = std::max(largest, std::abs(kernel[i]));
    double least = std::numeric_limits<double>::max();
    for (int t = 0; t < kTried && largest > 0; ++t) {
      const float scale = largest / 127 * (1 + kWidest * static_cast<float>(t) / kTried);
      double sum = 0, squares = 0;
      for (std::size_t i = c; i < kernel.size(); i += count) {
        const auto error = static_cast<double>(std::round(kernel[i] / scale) * scale - kernel[i]);
        sum += error;
        squares += error * error;
      }
      const double loss = kAlike * sum * sum + squares;
      if (loss < least) {
        least = loss;
        scales[c] = scale;
      }
    }
  }
  return scales;
}

/// output(i), step(i), zero(i): of kernel element i its output, and the step and zero of the input that it multiplies;
/// the products of the zeros go off the bias. bias: empty or one an output. least_scale: empty, or what each output's
/// scale is at least.
template <class Output, class Step, class Zero>
QuantisedKernel quantise_kernel(std::span<const float> kernel, std::span<const float> bias, int outputs,
                                const Output& output, const Step& step, const Zero& zero,
                                std::span<const float> least_scale = {}) {
  constexpr float kMostWeight = 127;
  constexpr float kMostBias = 1 << 29;  // leaves room for the products
  QuantisedKernel q;
  const auto count = static_cast<std::size_t>(outputs);
  std::vector<float> largest(count);
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    float& most = largest[output(i)];
    most = std::max(most, std::abs(kernel[i] * step(i)));
  }
  for (std::size_t o = 0; o < count; ++o) {
    const float of_bias = bias.empty() ? 0.0F : std::abs(bias[o]) / kMostBias;
    const float scale = std::max({largest[o] / kMostWeight, of_bias, least_scale.empty() ? 0.0F : least_scale[o]});
    q.scale.push_back(scale > 0 ? scale : 1.0F);
  }
  std::vector<double> zeros(count);
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    const std::size_t o = output(i);
    q.weights.push_back(static_cast<std::int8_t>(std::lround(kernel[i] * step(i) / q.scale[o])));
    zeros[o] += static_cast<double>(q.weights.back()) * zero(i);
  }
  for (std::size_t o = 0; o < count; ++o) {
    const double own = bias.empty() ? 0.0 : static_cast<double>(bias[o]) / static_cast<double>(q.scale[o]);
    q.bias.push_back(static_cast<std::int32_t>(std::lround(own - zeros[o])));
  }
  return q;
}

}  // namespace karyon
