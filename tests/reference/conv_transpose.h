// The formula of kernels/conv_transpose.h, an element at a time, before the activation.
// Invariant: x (n, i, j, c) is all inputs concatenated, kernel (r, s, o, c), y (n, p, q, o); what falls into the
// cropped border contributes nothing.
#pragma once

#include "kernels/view.h"
#include "tests/reference/array.h"

namespace karyon::reference {

/// The inputs side by side in their channels.
inline Array concatenate(const std::vector<Array>& inputs) {
  Shape shape = inputs[0].shape;
  shape[3] = 0;
  for (const Array& input : inputs) shape[3] += input.shape[3];
  return build(shape, [&](int n, int i, int j, int c) {
    std::size_t part = 0;
    while (c >= inputs[part].shape[3]) c -= inputs[part++].shape[3];
    return inputs[part].at(n, i, j, c);
  });
}

/// y[n, p, q, o]: from every tap, if there is an input pixel that it brings here, i * stride - crop + r == p.
inline Sum conv_transpose_forward(const Array& x, const Array& kernel, const Array& bias, const ConvGeometry& g, int n,
                                  int p, int q, int o) {
  Sum sum;
  if (!bias.empty()) sum.add(bias.at(o));
  for (int r = 0; r < g.kernel_h; ++r) {
    for (int s = 0; s < g.kernel_w; ++s) {
      const int down = p + g.pad.top - r, right = q + g.pad.left - s;
      if (down < 0 || right < 0 || down % g.stride_h != 0 || right % g.stride_w != 0) continue;
      const int i = down / g.stride_h, j = right / g.stride_w;
      if (i >= x.shape[1] || j >= x.shape[2]) continue;
      for (int c = 0; c < x.shape[3]; ++c) sum.add(x.at(n, i, j, c) * kernel.at(r, s, o, c));
    }
  }
  return sum;
}

/// dx[n, i, j, c]: over the outputs that this pixel was spread to.
inline Sum conv_transpose_backward_data(const Array& dy, const Array& kernel, const ConvGeometry& g, int n, int i,
                                        int j, int c) {
  Sum sum;
  for (int r = 0; r < g.kernel_h; ++r) {
    for (int s = 0; s < g.kernel_w; ++s) {
      const int p = i * g.stride_h - g.pad.top + r, q = j * g.stride_w - g.pad.left + s;
      if (p < 0 || p >= dy.shape[1] || q < 0 || q >= dy.shape[2]) continue;
      for (int o = 0; o < dy.shape[3]; ++o) sum.add(dy.at(n, p, q, o) * kernel.at(r, s, o, c));
    }
  }
  return sum;
}

/// dkernel[r, s, o, c]: over all input pixels.
inline Sum conv_transpose_backward_weight(const Array& x, const Array& dy, const ConvGeometry& g, int r, int s, int o,
                                          int c) {
  Sum sum;
  for (int n = 0; n < x.shape[0]; ++n) {
    for (int i = 0; i < x.shape[1]; ++i) {
      for (int j = 0; j < x.shape[2]; ++j) {
        const int p = i * g.stride_h - g.pad.top + r, q = j * g.stride_w - g.pad.left + s;
        if (p < 0 || p >= dy.shape[1] || q < 0 || q >= dy.shape[2]) continue;
        sum.add(x.at(n, i, j, c) * dy.at(n, p, q, o));
      }
    }
  }
  return sum;
}

}  // namespace karyon::reference
