// Global average pooling on CUDA: a block 32 vectors of channels of one image. Its warps share the pixels, each every
// eighth, and the first adds up what they found, in their order.
#include "kernels/pool.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kPoolWarps = 8;

template <int count>
__global__ void __launch_bounds__(kWarp* kPoolWarps)
    average_image_channels(ConstFloatView x, FloatView y, unsigned groups) {
  SHARED(float, scratch, kPoolWarps* kWarp* count);
  const int n = static_cast<int>(blockIdx.x / groups), lane = static_cast<int>(threadIdx.x);
  const int warp = static_cast<int>(threadIdx.y), pixels = x.h * x.w;
  const int channel = (static_cast<int>(blockIdx.x % groups) * kWarp + lane) * count;
  float sums[count] = {};
  if (channel < x.c) {
#pragma unroll 4
    for (int i = warp; i < pixels; i += kPoolWarps) {
      float values[count];
      load<count>(x.pixel(std::int64_t{n} * pixels + i) + channel, values);
#pragma unroll
      for (int k = 0; k < count; ++k) sums[k] += values[k];
    }
  }
  store<count>(scratch + (warp * kWarp + lane) * count, sums);
  __syncthreads();
  if (warp > 0 || channel >= x.c) return;
  for (int other = 1; other < kPoolWarps; ++other) {
    float values[count];
    load<count>(scratch + (other * kWarp + lane) * count, values);
#pragma unroll
    for (int k = 0; k < count; ++k) sums[k] += values[k];
  }
#pragma unroll
  for (int k = 0; k < count; ++k) sums[k] /= static_cast<float>(pixels);
  store<count>(y.pixel(n) + channel, sums);
}

template <int count>
void average(const Stream& stream, ConstFloatView x, FloatView y) {
  const unsigned groups = blocks_for(x.c, kWarp * count);
  LAUNCH(average_image_channels<count>, groups * static_cast<unsigned>(x.n), dim3(kWarp, kPoolWarps), stream, x, y,
         groups);
}

}  // namespace

void global_average_pool(Stream& stream, ConstFloatView x, FloatView y) {
  KARYON_CHECK(y.n == x.n && y.h == 1 && y.w == 1 && y.c == x.c, "global average pooling gives one pixel an image");
  constexpr int kWide = kVector<float>;
  if (in_vectors_of(x, kWide) && in_vectors_of(y, kWide)) {
    average<kWide>(stream, x, y);
  } else {
    average<1>(stream, x, y);
  }
}

}  // namespace karyon::cuda
