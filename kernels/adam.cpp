// Adam on the CPU: one vectorised pass over the flat block.
#include "kernels/adam.h"

#include <cmath>

#include "kernels/parallel.h"

namespace karyon {

namespace {

KARYON_CLONES void adam_range(std::int64_t begin, std::int64_t end, const float* __restrict g, float alpha, float keep1,
                              float keep2, float epsilon, float* __restrict w, float* __restrict m,
                              float* __restrict v) {
  for (std::int64_t i = begin; i < end; ++i) {
    m[i] += (g[i] - m[i]) * keep1;
    v[i] += (g[i] * g[i] - v[i]) * keep2;
    w[i] -= alpha * m[i] / (__builtin_sqrtf(v[i]) + epsilon);
  }
}

}  // namespace

float adam_rate(const AdamSettings& settings, std::int64_t step) {
  const auto t = static_cast<double>(step);
  return static_cast<float>(static_cast<double>(settings.learning_rate) *
                            std::sqrt(1.0 - std::pow(static_cast<double>(settings.beta2), t)) /
                            (1.0 - std::pow(static_cast<double>(settings.beta1), t)));
}

namespace cpu {

void adam_step(Stream& stream, std::int64_t count, const float* g, const AdamSettings& settings, const float* rate,
               float* w, float* m, float* v) {
  const float alpha = *rate;
  parallel_ranges(stream, count, [&](std::int64_t begin, std::int64_t end) {
    adam_range(begin, end, g, alpha, 1.0F - settings.beta1, 1.0F - settings.beta2, settings.epsilon, w, m, v);
  });
}

}  // namespace cpu

}  // namespace karyon
