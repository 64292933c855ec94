// Global average pooling on CUDA: a block an image and 32 channels, its rows of threads share the pixels.
#include "kernels/channel_tiles.h"
#include "kernels/pool.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

__global__ void mean_of_channels(ConstFloatView x, FloatView y) {
  SHARED(float, scratch, kTileThreads);
  const int channel = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), pixels = x.h * x.w;
  for (int n = static_cast<int>(blockIdx.y); n < x.n; n += static_cast<int>(gridDim.y)) {
    float sum[1] = {};
    for (int i = static_cast<int>(threadIdx.y); channel < x.c && i < pixels; i += static_cast<int>(blockDim.y)) {
      sum[0] += x.pixel(std::int64_t{n} * pixels + i)[channel];
    }
    sum_over_rows(sum, scratch);
    if (threadIdx.y == 0 && channel < x.c) y.pixel(n)[channel] = sum[0] / static_cast<float>(pixels);
  }
}

}  // namespace

void global_average_pool(Stream& stream, ConstFloatView x, FloatView y) {
  KARYON_CHECK(x.n == y.n && x.c == y.c && y.h == 1 && y.w == 1 && x.size() > 0, "pooling gives one pixel an image");
  const dim3 grid(blocks_for(x.c, kWarp), blocks_for(x.n, 1));
  LAUNCH(mean_of_channels, grid, dim3(kWarp, kTileThreads / kWarp), stream, x, y);
}

}  // namespace karyon::cuda
