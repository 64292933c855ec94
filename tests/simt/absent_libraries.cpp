// What stands in for cuda_libraries.cpp, conv_cudnn.cpp and gemm_cublas.cpp on the SIMT machine: neither library is
// there.
#include "kernels/conv_cudnn.h"
#include "kernels/cuda_libraries.h"
#include "kernels/gemm_cublas.h"

namespace karyon::cuda {

Libraries find_libraries() {
  const LibraryFacts absent{.found = false, .version = {}, .fault = "not on the SIMT machine"};
  return {absent, absent};
}
const CudnnFunctions* cudnn_functions() { return nullptr; }
const CublasLtFunctions* cublas_functions() { return nullptr; }

template <class T>
bool cublas_conv_forward(Stream& /*stream*/, View<const T> /*x*/, StampedKernel /*kernel*/, const float* /*bias*/,
                         View<const T> /*residual*/, Activation /*act*/, const ConvGeometry& /*geometry*/,
                         View<T> /*y*/) {
  return false;
}
template <class T>
bool cublas_conv_backward_data(Stream& /*stream*/, View<const T> /*dy*/, StampedKernel /*kernel*/,
                               const ConvGeometry& /*geometry*/, View<T> /*dx*/) {
  return false;
}
template <class T>
bool cublas_conv_backward_weight(Stream& /*stream*/, View<const T> /*x*/, View<const T> /*dy*/,
                                 const ConvGeometry& /*geometry*/, float* /*dkernel*/, float* /*dbias*/) {
  return false;
}

template <class T>
bool cudnn_conv_forward(Stream& /*stream*/, View<const T> /*x*/, StampedKernel /*kernel*/, const float* /*bias*/,
                        View<const T> /*residual*/, Activation /*act*/, const ConvGeometry& /*geometry*/,
                        View<T> /*y*/) {
  return false;
}
template <class T>
bool cudnn_conv_backward_data(Stream& /*stream*/, View<const T> /*dy*/, StampedKernel /*kernel*/,
                              const ConvGeometry& /*geometry*/, View<T> /*dx*/) {
  return false;
}
template <class T>
bool cudnn_conv_backward_weight(Stream& /*stream*/, View<const T> /*x*/, View<const T> /*dy*/,
                                const ConvGeometry& /*geometry*/, float* /*dkernel*/, float* /*dbias*/) {
  return false;
}
template <class T>
bool cudnn_conv_transpose_forward(Stream& /*stream*/, View<const T> /*x*/, StampedKernel /*kernel*/,
                                  const float* /*bias*/, Activation /*act*/, const ConvGeometry& /*geometry*/,
                                  View<T> /*y*/, CropBy /*crop*/) {
  return false;
}

#define INSTANTIATE(T)                                                                                                 \
  template bool cublas_conv_forward<T>(Stream&, View<const T>, StampedKernel, const float*, View<const T>, Activation, \
                                       const ConvGeometry&, View<T>);                                                  \
  template bool cublas_conv_backward_data<T>(Stream&, View<const T>, StampedKernel, const ConvGeometry&, View<T>);     \
  template bool cublas_conv_backward_weight<T>(Stream&, View<const T>, View<const T>, const ConvGeometry&, float*,     \
                                               float*);                                                                \
  template bool cudnn_conv_forward<T>(Stream&, View<const T>, StampedKernel, const float*, View<const T>, Activation,  \
                                      const ConvGeometry&, View<T>);                                                   \
  template bool cudnn_conv_backward_data<T>(Stream&, View<const T>, StampedKernel, const ConvGeometry&, View<T>);      \
  template bool cudnn_conv_backward_weight<T>(Stream&, View<const T>, View<const T>, const ConvGeometry&, float*,      \
                                              float*);                                                                 \
  template bool cudnn_conv_transpose_forward<T>(Stream&, View<const T>, StampedKernel, const float*, Activation,       \
                                                const ConvGeometry&, View<T>, CropBy);
INSTANTIATE(float)
INSTANTIATE(Bfloat16)
#undef INSTANTIATE

}  // namespace karyon::cuda
