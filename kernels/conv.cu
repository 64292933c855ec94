// Dense convolution on CUDA: 1x1 by cuBLASLt, others by cuDNN; where a library is not there or has nothing for the
// shape, on CUDA cores by Karyon's own kernels: the input is the fine grid of implicit_gemm.h, the output the coarse
// one.
#include "kernels/conv.h"
#include "kernels/conv_cudnn.h"
#include "kernels/gemm_cublas.h"
#include "kernels/implicit_gemm.h"
#include "kernels/partial_sums.h"

namespace karyon::cuda {

namespace {

template <class T, class U>
void check_shapes(const View<T>& x, const View<U>& y, const ConvGeometry& g) {
  KARYON_CHECK(x.n == y.n && y.h == g.out_h(x.h) && y.w == g.out_w(x.w),
               "a convolution's output has another size than its geometry gives");
}

}  // namespace

template <class T>
void conv_forward(Stream& stream, View<const T> x, StampedKernel kernel, const float* bias, View<const T> residual,
                  Activation act, const ConvGeometry& geometry, View<T> y) {
  check_shapes(x, y, geometry);
  KARYON_CHECK(!residual || residual.same_shape(y), "a residual has the output's shape");
  if (cublas_conv_forward<T>(stream, x, kernel, bias, residual, act, geometry, y)) return;
  if (cudnn_conv_forward<T>(stream, x, kernel, bias, residual, act, geometry, y)) return;
  gemm_to_coarse<T, T>(stream, x, kernel.data, y.c, {bias, residual, act}, geometry, y);
}

template <class T>
void conv_backward_data(Stream& stream, View<const T> dy, StampedKernel kernel, const ConvGeometry& geometry,
                        View<T> dx) {
  check_shapes(dx, dy, geometry);
  if (cublas_conv_backward_data<T>(stream, dy, kernel, geometry, dx)) return;
  if (cudnn_conv_backward_data<T>(stream, dy, kernel, geometry, dx)) return;
  gemm_to_fine<T, T>(stream, {&dy, 1}, kernel.data, {}, geometry, dx);
}

template <class T>
void conv_backward_weight(Stream& stream, View<const T> x, View<const T> dy, const ConvGeometry& geometry,
                          float* dkernel, float* dbias) {
  check_shapes(x, dy, geometry);
  if (cublas_conv_backward_weight<T>(stream, x, dy, geometry, dkernel, dbias)) return;
  if (cudnn_conv_backward_weight<T>(stream, x, dy, geometry, dkernel, dbias)) return;
  gemm_of_weights<T, T>(stream, x, {&dy, 1}, geometry, dkernel);
  if (dbias != nullptr) sum_channels(stream, dy, dbias);
}

#define INSTANTIATE(T)                                                                                          \
  template void conv_forward<T>(Stream&, View<const T>, StampedKernel, const float*, View<const T>, Activation, \
                                const ConvGeometry&, View<T>);                                                  \
  template void conv_backward_data<T>(Stream&, View<const T>, StampedKernel, const ConvGeometry&, View<T>);     \
  template void conv_backward_weight<T>(Stream&, View<const T>, View<const T>, const ConvGeometry&, float*, float*);
INSTANTIATE(float)
INSTANTIATE(Bfloat16)

}  // namespace karyon::cuda
