// cuBLASLt counts columns first: Karyon's matrix of pixels x channels, a row a pixel, is its channels x pixels with the
// pitch as leading dimension, and an HWIO kernel of in x out is its out x in. So with Y, X, K as cuBLASLt sees them
//   forward:          Y = K X            (the bias: one number a row of Y)
//   backward data:    dX = transposed(K) dY
//   backward weight:  dK = dY transposed(X)   (the bias's gradient: the sums of dY's rows)
#include "kernels/gemm_cublas.h"

#if KARYON_WITH_CUDA

#include <type_traits>

#include "kernels/activation.h"
#include "kernels/cast.h"
#include "kernels/copy.h"
#include "kernels/product_cublas.h"

namespace karyon::cuda {

namespace {

template <class T>
constexpr ElementType kType = std::is_same_v<T, float> ? ElementType::f32 : ElementType::bf16;

/// cuBLASLt never writes through the const of an operand.
template <class T>
void* unconst(const T* data) {
  return const_cast<T*>(data);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

/// Pixels by channels, as cuBLASLt sees it.
template <class T>
Matrix matrix(const View<T>& v) {
  return {unconst(v.data), v.c, v.pixels(), v.pitch};
}

/// The kernel in T: itself, or a copy in Bfloat16.
template <class T>
Matrix kernel_matrix(Stream& stream, CublasPlans& plans, StampedKernel kernel, int in, int out) {
  void* data = unconst(kernel.data);
  if constexpr (std::is_same_v<T, Bfloat16>) {
    const KernelCopyKey form{.element_bytes = sizeof(T), .packed_h = 1, .packed_w = 1};
    data = kernel_copies(plans).find(
        kernel, form, sizeof(T) * static_cast<std::size_t>(in) * static_cast<std::size_t>(out), [&](void* copy) {
          to_bfloat16(stream, {kernel.data, 1, 1, in, out}, {static_cast<Bfloat16*>(copy), 1, 1, in, out});
        });
  }
  return {data, out, in, out};
}

/// The bias as the epilogue wants it: of y's type, aligned to 16 bytes. A copy lies in the workspace.
template <class T>
void* epilogue_bias(Stream& stream, const float* bias, int channels) {
  if constexpr (std::is_same_v<T, Bfloat16>) {
    auto* copy = stream.workspace<Bfloat16>(channels);
    to_bfloat16(stream, {bias, 1, 1, 1, channels}, {copy, 1, 1, 1, channels});
    return copy;
  } else {
    if (alignment(bias) == kBiasAlignment) return unconst(bias);
    auto* copy = stream.workspace<float>(channels);
    copy_on_device(stream, copy, bias, static_cast<std::size_t>(channels) * sizeof(float));
    return copy;
  }
}

template <class T, class U>
void check_shapes(const View<T>& x, const View<U>& y) {
  KARYON_CHECK(x.n == y.n && x.h == y.h && x.w == y.w, "a 1x1 convolution keeps the pixels");
}

/// Stride 1, no padding.
bool is_product(const ConvGeometry& geometry) { return geometry == ConvGeometry{}; }

}  // namespace

template <class T>
bool cublas_conv_forward(Stream& stream, View<const T> x, StampedKernel kernel, const float* bias,
                         View<const T> residual, Activation act, const ConvGeometry& geometry, View<T> y) {
  if (!is_product(geometry)) return false;
  CublasPlans* plans = cublas_plans(stream);
  if (plans == nullptr) return false;
  check_shapes(x, y);
  KARYON_CHECK(!residual || residual.same_shape(y), "the residual has another shape than the output");
  const Product product{.a = kernel_matrix<T>(stream, *plans, kernel, x.c, y.c),
                        .b = matrix(x),
                        .c = residual ? matrix(residual) : matrix(y),
                        .d = matrix(y),
                        .adds = static_cast<bool>(residual),
                        .in = kType<T>,
                        .out = kType<T>,
                        .bias = bias == nullptr ? nullptr : epilogue_bias<T>(stream, bias, y.c),
                        .relu = act == Activation::relu};
  if (!multiply(stream, *plans, product)) return false;
  if (act == Activation::relu6) activation_forward<T>(stream, y, act, y);
  return true;
}

template <class T>
bool cublas_conv_backward_data(Stream& stream, View<const T> dy, StampedKernel kernel, const ConvGeometry& geometry,
                               View<T> dx) {
  if (!is_product(geometry)) return false;
  CublasPlans* plans = cublas_plans(stream);
  if (plans == nullptr) return false;
  check_shapes(dx, dy);
  return multiply(stream, *plans,
                  {.a = kernel_matrix<T>(stream, *plans, kernel, dx.c, dy.c),
                   .b = matrix(dy),
                   .c = matrix(dx),
                   .d = matrix(dx),
                   .transpose_a = true,
                   .in = kType<T>,
                   .out = kType<T>});
}

template <class T>
bool cublas_conv_backward_weight(Stream& stream, View<const T> x, View<const T> dy, const ConvGeometry& geometry,
                                 float* dkernel, float* dbias) {
  if (!is_product(geometry) || (dbias != nullptr && alignment(dbias) != kBiasAlignment)) return false;
  CublasPlans* plans = cublas_plans(stream);
  if (plans == nullptr) return false;
  check_shapes(x, dy);
  const Matrix gradient{dkernel, dy.c, x.c, dy.c};
  return multiply(stream, *plans,
                  {.a = matrix(dy),
                   .b = matrix(x),
                   .c = gradient,
                   .d = gradient,
                   .transpose_b = true,
                   .in = kType<T>,
                   .out = ElementType::f32,
                   .row_sums_of_a = dbias});
}

#define INSTANTIATE(T)                                                                                                 \
  template bool cublas_conv_forward<T>(Stream&, View<const T>, StampedKernel, const float*, View<const T>, Activation, \
                                       const ConvGeometry&, View<T>);                                                  \
  template bool cublas_conv_backward_data<T>(Stream&, View<const T>, StampedKernel, const ConvGeometry&, View<T>);     \
  template bool cublas_conv_backward_weight<T>(Stream&, View<const T>, View<const T>, const ConvGeometry&, float*,     \
                                               float*);
INSTANTIATE(float)
INSTANTIATE(Bfloat16)
#undef INSTANTIATE

}  // namespace karyon::cuda

#endif
