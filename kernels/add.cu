// Addition on CUDA: a thread adds 16 bytes of each input, or one element where channels or pitches do not allow that.
#include "kernels/add.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;

template <class T, int count>
__global__ void add_elements(View<const T> a, View<const T> b, View<T> y) {
  const std::int64_t groups = y.size() / count, step = std::int64_t{gridDim.x} * blockDim.x;
  const int groups_a_pixel = y.c / count;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < groups; i += step) {
    const std::int64_t pixel = i / groups_a_pixel;
    const int channel = static_cast<int>(i % groups_a_pixel) * count;
    float left[count], right[count];
    load<count>(a.pixel(pixel) + channel, left);
    load<count>(b.pixel(pixel) + channel, right);
#pragma unroll
    for (int k = 0; k < count; ++k) left[k] += right[k];
    store<count>(y.pixel(pixel) + channel, left);
  }
}

}  // namespace

template <class T>
void add(Stream& stream, View<const T> a, View<const T> b, View<T> y) {
  KARYON_CHECK(a.same_shape(b) && a.same_shape(y), "an addition's operands have one shape");
  constexpr int kWide = kVector<T>;
  if (in_vectors_of(a, kWide) && in_vectors_of(b, kWide) && in_vectors_of(y, kWide)) {
    LAUNCH((add_elements<T, kWide>), blocks_for(y.size() / kWide, kThreads), kThreads, stream, a, b, y);
  } else {
    LAUNCH((add_elements<T, 1>), blocks_for(y.size(), kThreads), kThreads, stream, a, b, y);
  }
}
template void add<float>(Stream&, ConstFloatView, ConstFloatView, FloatView);
template void add<Bfloat16>(Stream&, View<const Bfloat16>, View<const Bfloat16>, View<Bfloat16>);

}  // namespace karyon::cuda
