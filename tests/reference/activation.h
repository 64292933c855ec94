// The formulas of kernels/activation.h, for one number.
// Invariant: at the kinks (0, and 6 for ReLU6) the slope is 0.
#pragma once

#include "kernels/view.h"

namespace karyon::reference {

inline double activate(Activation act, double x) {
  if (act == Activation::none) return x;
  const double positive = x > 0 ? x : 0.0;
  return act == Activation::relu6 && positive > 6 ? 6.0 : positive;
}

/// The derivative, from the activation's result or from its argument: both tell the same.
inline double activation_slope(Activation act, double y) {
  if (act == Activation::none) return 1;
  return y > 0 && (act == Activation::relu || y < 6) ? 1 : 0;
}

}  // namespace karyon::reference
