// The kernel sizes, strides and four-sided paddings that every convolution is tried with.
// Invariant: given the way an output size follows from an input size, only geometries with an output are handed out.
#pragma once

#include <vector>

#include "kernels/view.h"

namespace karyon::testing {

inline std::vector<ConvGeometry> all_geometries() {
  std::vector<ConvGeometry> all;
  for (const int kernel : {1, 2, 3, 5}) {
    for (const int stride : {1, 2, 3}) {
      for (const Padding& pad : {Padding{0, 1, 0, 1}, Padding{1, 1, 1, 1}, Padding{0, 0, 0, 0}, Padding{2, 1, 0, 3}}) {
        all.push_back({kernel, kernel, stride, stride, pad});
      }
    }
  }
  all.push_back({3, 2, 1, 2, {1, 0, 0, 1}});
  all.push_back({1, 5, 2, 1, {0, 0, 2, 2}});
  return all;
}

inline std::vector<ConvGeometry> conv_geometries(int h, int w) {
  std::vector<ConvGeometry> fitting;
  for (const ConvGeometry& g : all_geometries()) {
    if (h + g.pad.top + g.pad.bottom >= g.kernel_h && w + g.pad.left + g.pad.right >= g.kernel_w) fitting.push_back(g);
  }
  return fitting;
}

inline std::vector<ConvGeometry> conv_transpose_geometries(int h, int w) {
  std::vector<ConvGeometry> fitting;
  std::vector<ConvGeometry> all = all_geometries();
  for (const int stride : {1, 2, 3}) all.push_back({3, 3, stride, stride, {1, 0, 1, 0}});  // as PyTorch crops
  for (const ConvGeometry& g : all) {
    if (g.transposed_out_h(h) >= 1 && g.transposed_out_w(w) >= 1) fitting.push_back(g);
  }
  return fitting;
}

}  // namespace karyon::testing
