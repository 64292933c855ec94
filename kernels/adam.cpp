// Adam on the CPU: one vectorised pass over the flat block, run by run of lines with the same factors.
#include "kernels/adam.h"

#include <algorithm>
#include <cmath>

#include "kernels/parallel.h"

namespace karyon {

namespace {

/// What every number of a run is updated with.
struct AdamFactors {
  float gradient, alpha, decay, keep1, keep2, epsilon;
};

KARYON_CLONES void adam_range(std::int64_t begin, std::int64_t end, const float* __restrict g,
                              const AdamFactors& factors, float* __restrict w, float* __restrict m,
                              float* __restrict v) {
  const auto [factor, alpha, decay, keep1, keep2, epsilon] = factors;
  for (std::int64_t i = begin; i < end; ++i) {
    const float gradient = g[i] * factor;
    m[i] += (gradient - m[i]) * keep1;
    v[i] += (gradient * gradient - v[i]) * keep2;
    w[i] -= alpha * m[i] / (__builtin_sqrtf(v[i]) + epsilon) + decay * w[i];
  }
}

/// Where the run of equal factors that holds number i ends, at most at `end`.
std::int64_t run_end(const LineFactors* lines, std::int64_t i, std::int64_t end) {
  std::int64_t line = i / kAdamLine;
  const LineFactors& first = lines[line];
  do {
    ++line;
  } while (line * kAdamLine < end && lines[line].rate == first.rate && lines[line].decay == first.decay);
  return std::min(line * kAdamLine, end);
}

}  // namespace

AdamRate adam_rate(const AdamSettings& settings, float learning_rate, std::int64_t step) {
  const auto t = static_cast<double>(step);
  return {static_cast<float>(static_cast<double>(learning_rate) *
                             std::sqrt(1.0 - std::pow(static_cast<double>(settings.beta2), t)) /
                             (1.0 - std::pow(static_cast<double>(settings.beta1), t))),
          learning_rate * settings.weight_decay, step == 1 ? 0.0F : settings.average_decay};
}

namespace cpu {

void adam_step(Stream& stream, std::int64_t count, const float* g, const AdamSettings& settings, const AdamRate* rate,
               const float* gradient_factor, const LineFactors* lines, float* w, float* m, float* v) {
  const float factor = gradient_factor == nullptr ? 1.0F : *gradient_factor;
  parallel_ranges(stream, count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin, stop = end; i < end; i = stop) {
      const LineFactors line = lines == nullptr ? LineFactors{} : lines[i / kAdamLine];
      stop = lines == nullptr ? end : run_end(lines, i, end);
      adam_range(i, stop, g,
                 {factor, rate->step_size * line.rate, rate->decay * line.decay, 1.0F - settings.beta1,
                  1.0F - settings.beta2, settings.epsilon},
                 w, m, v);
    }
  });
}

}  // namespace cpu

}  // namespace karyon
