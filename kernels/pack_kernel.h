// A convolution's kernel in cuDNN's layout for NHWC (OHWI), and a gradient back from it. On CUDA alone.
//   pack:   packed[o, r + top, s + left, i] = hwio[r, s, i, o], rounded to T; all other elements are zero
//   unpack: hwio[r, s, i, o] = packed[o, r + top, s + left, i]
// The packed kernel may have more taps than Karyon's: with zeros around it a convolution that pads the two sides
// unequally becomes one that pads them alike (conv_cudnn.cpp). Layouts: both dense. Aliasing: none allowed.
#pragma once

#include "kernels/op.h"

namespace karyon {

/// Karyon's kernel, and where it lies among the packed one's taps.
struct KernelPacking {
  int kernel_h = 1, kernel_w = 1, in = 1, out = 1;
  int packed_h = 1, packed_w = 1;
  int top = 0, left = 0;

  [[nodiscard]] bool larger() const { return packed_h != kernel_h || packed_w != kernel_w; }
  [[nodiscard]] std::int64_t packed_size() const { return std::int64_t{out} * packed_h * packed_w * in; }
};

namespace cuda {
template <class T>
void pack_kernel(Stream& stream, const float* hwio, const KernelPacking& packing, T* packed);
void unpack_kernel(Stream& stream, const float* packed, const KernelPacking& packing, float* hwio);
}  // namespace cuda

}  // namespace karyon
