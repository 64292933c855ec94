// The formula of kernels/adam.h for one number.
// Invariant: settings are the floats the kernel gets, widened; everything after that is in double.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/adam.h"

namespace karyon::reference {

struct AdamState {
  double w = 0, m = 0, v = 0;
};

/// factor: what clipping multiplies the gradient by; line: the number's own factors.
inline void adam_step(double g, const AdamSettings& settings, std::int64_t step, AdamState& state, double factor = 1,
                      const LineFactors& line = {}) {
  const double beta1 = settings.beta1, beta2 = settings.beta2, t = static_cast<double>(step);
  g *= factor;
  state.m += (g - state.m) * (1 - beta1);
  state.v += (g * g - state.v) * (1 - beta2);
  const double learning_rate = settings.learning_rate;
  const double rate = learning_rate * std::sqrt(1 - std::pow(beta2, t)) / (1 - std::pow(beta1, t));
  const double decay = static_cast<double>(line.decay) * learning_rate * static_cast<double>(settings.weight_decay);
  state.w -=
      static_cast<double>(line.rate) * rate * state.m / (std::sqrt(state.v) + static_cast<double>(settings.epsilon)) +
      decay * state.w;
}

}  // namespace karyon::reference
