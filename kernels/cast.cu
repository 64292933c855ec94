// Conversion on CUDA: a thread converts the elements that the wider type has in 16 bytes, or one where channels or
// pitches do not allow that.
#include "kernels/cast.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;

template <int count, class From, class To>
__global__ void cast_elements(View<const From> x, View<To> y) {
  const std::int64_t groups = x.size() / count, step = std::int64_t{gridDim.x} * blockDim.x;
  const int groups_a_pixel = x.c / count;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < groups; i += step) {
    const std::int64_t pixel = i / groups_a_pixel;
    const int channel = static_cast<int>(i % groups_a_pixel) * count;
    float values[count];
    load<count>(x.pixel(pixel) + channel, values);
    store<count>(y.pixel(pixel) + channel, values);
  }
}

template <class From, class To>
void cast(const Stream& stream, View<const From> x, View<To> y) {
  KARYON_CHECK(x.same_shape(y), "a cast keeps the shape");
  constexpr int kWide = kVector<float>;
  if (in_vectors_of(x, kWide) && in_vectors_of(y, kWide)) {
    LAUNCH((cast_elements<kWide, From, To>), blocks_for(x.size() / kWide, kThreads), kThreads, stream, x, y);
  } else {
    LAUNCH((cast_elements<1, From, To>), blocks_for(x.size(), kThreads), kThreads, stream, x, y);
  }
}

}  // namespace

template <class T>
void to_float32(Stream& stream, View<const T> x, FloatView y) {
  cast<T, float>(stream, x, y);
}
template void to_float32<float>(Stream&, ConstFloatView, FloatView);
template void to_float32<Bfloat16>(Stream&, View<const Bfloat16>, FloatView);

void to_bfloat16(Stream& stream, ConstFloatView x, View<Bfloat16> y) { cast<float, Bfloat16>(stream, x, y); }

}  // namespace karyon::cuda
