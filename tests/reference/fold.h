// The formulas of kernels/fold.h.
// Invariant: kernel (1, outer, channels, inner), vectors (1, 1, 1, channels).
#pragma once

#include <cmath>

#include "tests/reference/array.h"

namespace karyon::reference {

struct Folded {
  Array kernel, bias;
};

inline Folded fold_batch_norm(const Array& kernel, const Array& gamma, const Array& beta, const Array& mean,
                              const Array& variance, double epsilon) {
  const auto scale = [&](int c) { return gamma.at(c) / std::sqrt(variance.at(c) + epsilon); };
  return {build(kernel.shape, [&](int a, int o, int c, int i) { return kernel.at(a, o, c, i) * scale(c); }),
          build(gamma.shape, [&](int, int, int, int c) { return beta.at(c) - mean.at(c) * scale(c); })};
}

}  // namespace karyon::reference
