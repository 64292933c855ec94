// The formula of kernels/depthwise_conv.h, an element at a time, before the activation.
// Invariant: x (n, h, w, c), kernel (1, r, s, c), y (n, p, q, c); a tap outside the image contributes nothing.
#pragma once

#include "kernels/view.h"
#include "tests/reference/array.h"

namespace karyon::reference {

inline Sum depthwise_conv_forward(const Array& x, const Array& kernel, const Array& bias, const ConvGeometry& g, int n,
                                  int p, int q, int c) {
  Sum sum;
  if (!bias.empty()) sum.add(bias.at(c));
  for (int r = 0; r < g.kernel_h; ++r) {
    for (int s = 0; s < g.kernel_w; ++s) {
      const int row = p * g.stride_h - g.pad.top + r, col = q * g.stride_w - g.pad.left + s;
      if (row < 0 || row >= x.shape[1] || col < 0 || col >= x.shape[2]) continue;
      sum.add(x.at(n, row, col, c) * kernel.at(0, r, s, c));
    }
  }
  return sum;
}

/// dx[n, row, col, c]: over all outputs in which that pixel was a tap.
inline Sum depthwise_conv_backward_data(const Array& dy, const Array& kernel, const ConvGeometry& g, int n, int row,
                                        int col, int c) {
  Sum sum;
  for (int p = 0; p < dy.shape[1]; ++p) {
    for (int q = 0; q < dy.shape[2]; ++q) {
      const int r = row - p * g.stride_h + g.pad.top, s = col - q * g.stride_w + g.pad.left;
      if (r < 0 || r >= g.kernel_h || s < 0 || s >= g.kernel_w) continue;
      sum.add(dy.at(n, p, q, c) * kernel.at(0, r, s, c));
    }
  }
  return sum;
}

/// dkernel[r, s, c]: over all outputs.
inline Sum depthwise_conv_backward_weight(const Array& x, const Array& dy, const ConvGeometry& g, int r, int s, int c) {
  Sum sum;
  for (int n = 0; n < dy.shape[0]; ++n) {
    for (int p = 0; p < dy.shape[1]; ++p) {
      for (int q = 0; q < dy.shape[2]; ++q) {
        const int row = p * g.stride_h - g.pad.top + r, col = q * g.stride_w - g.pad.left + s;
        if (row < 0 || row >= x.shape[1] || col < 0 || col >= x.shape[2]) continue;
        sum.add(x.at(n, row, col, c) * dy.at(n, p, q, c));
      }
    }
  }
  return sum;
}

}  // namespace karyon::reference
