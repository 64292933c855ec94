// Transposed convolution on CUDA: by the kernels for few output channels where there are few, on the tensor cores where
// the arithmetic asked for allows them and the shapes fit, else on CUDA cores in float: there the inputs are the coarse
// grid of implicit_gemm.h, the output the fine one.
#include "kernels/conv_transpose.h"
#include "kernels/conv_transpose_narrow_cuda.h"
#include "kernels/conv_transpose_tensor.h"
#include "kernels/implicit_gemm.h"
#include "kernels/partial_sums.h"

namespace karyon::cuda {

namespace {

template <class T, class Y>
void check_shapes(const View<T>& x, const View<Y>& y, const ConvGeometry& g) {
  KARYON_CHECK(x.n == y.n && y.h == g.transposed_out_h(x.h) && y.w == g.transposed_out_w(x.w),
               "a transposed convolution's output has another size than its geometry gives");
}

template <class T, class Y>
void check_shapes(std::span<const View<const T>> inputs, const View<Y>& y, const ConvGeometry& g) {
  KARYON_CHECK(!inputs.empty(), "a transposed convolution needs an input");
  for (const View<const T>& x : inputs) check_shapes(x, y, g);
  KARYON_CHECK(inputs[0].h == inputs.back().h && inputs[0].w == inputs.back().w,
               "the inputs of a transposed convolution differ in size");
}

}  // namespace

template <class T, class Y>
void conv_transpose_forward(Stream& stream, std::span<const View<const T>> inputs, StampedKernel kernel,
                            const float* bias, Activation act, const ConvGeometry& geometry, View<Y> y) {
  check_shapes(inputs, y, geometry);
  if constexpr (std::is_same_v<Y, float>) {
    if (is_narrow(geometry, y.c)) {
      return narrow_conv_transpose_forward<T>(stream, inputs, kernel.data, bias, act, geometry, y);
    }
  }
  if (tensor_conv_transpose_forward_takes<T, Y>(stream, inputs, kernel.data, y)) {
    tensor_conv_transpose_forward<T, Y>(stream, inputs, kernel.data, bias, act, geometry, y);
  } else {
    gemm_to_fine<T, Y>(stream, inputs, kernel.data, {bias, {}, act}, geometry, y);
  }
}

template <class T, class Y>
void conv_transpose_backward_data(Stream& stream, View<const Y> dy, const float* kernel, int kernel_channels,
                                  int channel_begin, const ConvGeometry& geometry, View<T> dx) {
  check_shapes(dx, dy, geometry);
  KARYON_CHECK(channel_begin >= 0 && channel_begin + dx.c <= kernel_channels,
               "the input's channels are not the kernel's");
  if constexpr (std::is_same_v<Y, float>) {
    if (is_narrow(geometry, dy.c)) {
      return narrow_conv_transpose_backward_data<T>(stream, dy, kernel, kernel_channels, channel_begin, geometry, dx);
    }
  }
  if (tensor_conv_transpose_backward_data_takes<T, Y>(stream, dy, kernel, kernel_channels, channel_begin, dx)) {
    tensor_conv_transpose_backward_data<T, Y>(stream, dy, kernel, kernel_channels, channel_begin, geometry, dx);
  } else {
    gemm_to_coarse<Y, T>(stream, dy, kernel + channel_begin, kernel_channels, {}, geometry, dx);
  }
}

template <class T, class Y>
void conv_transpose_backward_weight(Stream& stream, std::span<const View<const T>> inputs, View<const Y> dy,
                                    const ConvGeometry& geometry, float* dkernel, float* dbias) {
  check_shapes(inputs, dy, geometry);
  if constexpr (std::is_same_v<Y, float>) {
    if (is_narrow(geometry, dy.c)) {
      return narrow_conv_transpose_backward_weight<T>(stream, inputs, dy, geometry, dkernel, dbias);
    }
  }
  if (tensor_conv_transpose_backward_weight_takes<T, Y>(stream, inputs, dy, dkernel)) {
    tensor_conv_transpose_backward_weight<T, Y>(stream, inputs, dy, geometry, dkernel, dbias);
  } else {
    gemm_of_weights<Y, T>(stream, dy, inputs, geometry, dkernel);
    if (dbias != nullptr) sum_channels(stream, dy, dbias);
  }
}

#define INSTANTIATE(T, Y)                                                                                          \
  template void conv_transpose_forward<T, Y>(Stream&, std::span<const View<const T>>, StampedKernel, const float*, \
                                             Activation, const ConvGeometry&, View<Y>);                            \
  template void conv_transpose_backward_data<T, Y>(Stream&, View<const Y>, const float*, int, int,                 \
                                                   const ConvGeometry&, View<T>);                                  \
  template void conv_transpose_backward_weight<T, Y>(Stream&, std::span<const View<const T>>, View<const Y>,       \
                                                     const ConvGeometry&, float*, float*);
INSTANTIATE(float, float)
INSTANTIATE(Bfloat16, Bfloat16)
INSTANTIATE(Bfloat16, float)

}  // namespace karyon::cuda
