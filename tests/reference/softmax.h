// The formulas of kernels/softmax.h.
// Invariant: the largest logit is taken off first, so nothing overflows; of equal logits the first wins.
#pragma once

#include "tests/reference/array.h"

namespace karyon::reference {

inline int argmax(const Array& logits, int n, int h, int w) {
  int best = 0;
  for (int c = 1; c < logits.shape[3]; ++c) {
    if (logits.at(n, h, w, c) > logits.at(n, h, w, best)) best = c;
  }
  return best;
}

/// log(sum_k exp(z_k)) of a pixel.
inline double log_sum_exp(const Array& logits, int n, int h, int w) {
  const double largest = logits.at(n, h, w, argmax(logits, n, h, w));
  double sum = 0;
  for (int c = 0; c < logits.shape[3]; ++c) sum += std::exp(logits.at(n, h, w, c) - largest);
  return largest + std::log(sum);
}

inline Array softmax(const Array& logits) {
  return build(logits.shape, [&](int n, int h, int w, int c) {
    return std::exp(logits.at(n, h, w, c) - log_sum_exp(logits, n, h, w));
  });
}

}  // namespace karyon::reference
