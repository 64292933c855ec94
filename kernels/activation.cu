// ReLU and ReLU6 on CUDA: a thread takes 16 bytes, or one element where channels or pitches do not allow that.
#include "kernels/activation.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;

template <class T, int count>
__global__ void activation_values(View<const T> x, Activation act, View<T> y) {
  const std::int64_t groups = x.size() / count, step = std::int64_t{gridDim.x} * blockDim.x;
  const int groups_a_pixel = x.c / count;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < groups; i += step) {
    const std::int64_t pixel = i / groups_a_pixel;
    const int channel = static_cast<int>(i % groups_a_pixel) * count;
    float values[count];
    load<count>(x.pixel(pixel) + channel, values);
#pragma unroll
    for (int k = 0; k < count; ++k) values[k] = activate(act, values[k]);
    store<count>(y.pixel(pixel) + channel, values);
  }
}

template <class T, int count>
__global__ void activation_gradients(View<const T> dy, View<const T> y, Activation act, View<T> dx) {
  const std::int64_t groups = y.size() / count, step = std::int64_t{gridDim.x} * blockDim.x;
  const int groups_a_pixel = y.c / count;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < groups; i += step) {
    const std::int64_t pixel = i / groups_a_pixel;
    const int channel = static_cast<int>(i % groups_a_pixel) * count;
    float gradient[count], values[count];
    load<count>(dy.pixel(pixel) + channel, gradient);
    load<count>(y.pixel(pixel) + channel, values);
#pragma unroll
    for (int k = 0; k < count; ++k) gradient[k] = activation_gradient(act, gradient[k], values[k]);
    store<count>(dx.pixel(pixel) + channel, gradient);
  }
}

}  // namespace

template <class T>
void activation_forward(Stream& stream, View<const T> x, Activation act, View<T> y) {
  KARYON_CHECK(x.same_shape(y), "an activation keeps the shape");
  constexpr int kWide = kVector<T>;
  if (in_vectors_of(x, kWide) && in_vectors_of(y, kWide)) {
    LAUNCH((activation_values<T, kWide>), blocks_for(x.size() / kWide, kThreads), kThreads, stream, x, act, y);
  } else {
    LAUNCH((activation_values<T, 1>), blocks_for(x.size(), kThreads), kThreads, stream, x, act, y);
  }
}

template <class T>
void activation_backward(Stream& stream, View<const T> dy, View<const T> y, Activation act, View<T> dx) {
  KARYON_CHECK(dy.same_shape(y) && dy.same_shape(dx), "an activation keeps the shape");
  constexpr int kWide = kVector<T>;
  if (in_vectors_of(dy, kWide) && in_vectors_of(y, kWide) && in_vectors_of(dx, kWide)) {
    LAUNCH((activation_gradients<T, kWide>), blocks_for(y.size() / kWide, kThreads), kThreads, stream, dy, y, act, dx);
  } else {
    LAUNCH((activation_gradients<T, 1>), blocks_for(y.size(), kThreads), kThreads, stream, dy, y, act, dx);
  }
}

#define INSTANTIATE(T)                                                              \
  template void activation_forward<T>(Stream&, View<const T>, Activation, View<T>); \
  template void activation_backward<T>(Stream&, View<const T>, View<const T>, Activation, View<T>);
INSTANTIATE(float)
INSTANTIATE(Bfloat16)
#undef INSTANTIATE

}  // namespace karyon::cuda
