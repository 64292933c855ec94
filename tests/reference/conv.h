// The formula of kernels/conv.h, an element at a time, before the activation.
// Invariant: x (n, h, w, i), kernel (r, s, i, o), y (n, p, q, o); a tap outside the image contributes nothing.
#pragma once

#include "kernels/view.h"
#include "tests/reference/array.h"

namespace karyon::reference {

inline Sum conv_forward(const Array& x, const Array& kernel, const Array& bias, const Array& residual,
                        const ConvGeometry& g, int n, int p, int q, int o) {
  Sum sum;
  if (!bias.empty()) sum.add(bias.at(o));
  if (!residual.empty()) sum.add(residual.at(n, p, q, o));
  for (int r = 0; r < g.kernel_h; ++r) {
    for (int s = 0; s < g.kernel_w; ++s) {
      const int row = p * g.stride_h - g.pad.top + r, col = q * g.stride_w - g.pad.left + s;
      if (row < 0 || row >= x.shape[1] || col < 0 || col >= x.shape[2]) continue;
      for (int i = 0; i < x.shape[3]; ++i) sum.add(x.at(n, row, col, i) * kernel.at(r, s, i, o));
    }
  }
  return sum;
}

/// dx[n, row, col, i]: over all outputs in which that pixel was a tap.
inline Sum conv_backward_data(const Array& dy, const Array& kernel, const ConvGeometry& g, int n, int row, int col,
                              int i) {
  Sum sum;
  for (int r = 0; r < g.kernel_h; ++r) {
    for (int s = 0; s < g.kernel_w; ++s) {
      const int down = row + g.pad.top - r, right = col + g.pad.left - s;
      if (down < 0 || right < 0 || down % g.stride_h != 0 || right % g.stride_w != 0) continue;
      const int p = down / g.stride_h, q = right / g.stride_w;
      if (p >= dy.shape[1] || q >= dy.shape[2]) continue;
      for (int o = 0; o < dy.shape[3]; ++o) sum.add(dy.at(n, p, q, o) * kernel.at(r, s, i, o));
    }
  }
  return sum;
}

/// dkernel[r, s, i, o]: over all outputs.
inline Sum conv_backward_weight(const Array& x, const Array& dy, const ConvGeometry& g, int r, int s, int i, int o) {
  Sum sum;
  for (int n = 0; n < dy.shape[0]; ++n) {
    for (int p = 0; p < dy.shape[1]; ++p) {
      for (int q = 0; q < dy.shape[2]; ++q) {
        const int row = p * g.stride_h - g.pad.top + r, col = q * g.stride_w - g.pad.left + s;
        if (row < 0 || row >= x.shape[1] || col < 0 || col >= x.shape[2]) continue;
        sum.add(x.at(n, row, col, i) * dy.at(n, p, q, o));
      }
    }
  }
  return sum;
}

}  // namespace karyon::reference
