// The formula of kernels/pool.h, an element at a time, times the number of pixels.
#pragma once

#include "tests/reference/array.h"

namespace karyon::reference {

/// The sum of channel c over image n; the mean is this over x.shape[1] * x.shape[2].
inline Sum sum_of_image(const Array& x, int n, int c) {
  Sum sum;
  for (int p = 0; p < x.shape[1]; ++p) {
    for (int q = 0; q < x.shape[2]; ++q) sum.add(x.at(n, p, q, c));
  }
  return sum;
}

}  // namespace karyon::reference
