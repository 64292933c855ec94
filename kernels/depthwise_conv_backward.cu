// The gradients of depthwise convolution on CUDA.
// Invariant: the data gradient gathers, a thread a group of channels of an input pixel, so nothing is added to twice.
// The weight gradient is summed in two passes: a block's threads walk over output pixels with all taps of a 3x3 kernel
// (one tap at a time of any other) in registers, then the blocks' sums are added in a fixed order.
#include "kernels/channel_tiles.h"
#include "kernels/depthwise_conv.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;

template <class T>
struct DataJob {
  View<const T> dy;
  const float* kernel;
  ConvGeometry g;
  View<T> dx;
};

template <class T, int count>
__global__ void __launch_bounds__(kThreads) depthwise_gather_gradient(DataJob<T> job) {
  const int groups = job.dx.c / count;
  const std::int64_t all = job.dx.pixels() * groups, step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < all; i += step) {
    const int channel = static_cast<int>(i % groups) * count;
    const std::int64_t pixel = i / groups, line = pixel / job.dx.w;
    const int w = static_cast<int>(pixel % job.dx.w), h = static_cast<int>(line % job.dx.h);
    const int n = static_cast<int>(line / job.dx.h);
    float sum[count] = {};
    for (int r = 0; r < job.g.kernel_h; ++r) {
      const int down = h + job.g.pad.top - r, p = down / job.g.stride_h;
      if (down < 0 || p * job.g.stride_h != down || p >= job.dy.h) continue;
      for (int s = 0; s < job.g.kernel_w; ++s) {
        const int right = w + job.g.pad.left - s, q = right / job.g.stride_w;
        if (right < 0 || q * job.g.stride_w != right || q >= job.dy.w) continue;
        const float* taps = job.kernel + std::int64_t{r * job.g.kernel_w + s} * job.dx.c + channel;
        float values[count];
        load<count>(job.dy.at(n, p, q) + channel, values);
#pragma unroll
        for (int k = 0; k < count; ++k) sum[k] += values[k] * taps[k];
      }
    }
    store<count>(job.dx.pixel(pixel) + channel, sum);
  }
}

template <class T>
struct WeightJob {
  View<const T> x, dy;
  ConvGeometry g;
  float* partial;  // [chunk][taps and the bias][c]
};

/// Adds x dy of `taps` taps from `first_tap` on at one output pixel, and dy itself.
template <class T, int count, int taps>
__device__ inline void add_pixel(const WeightJob<T>& job, std::int64_t pixel, int channel, int first_tap,
                                 float (&sums)[taps][count], float (&bias_sum)[count]) {
  const std::int64_t line = pixel / job.dy.w;
  const int q = static_cast<int>(pixel % job.dy.w), p = static_cast<int>(line % job.dy.h);
  const int n = static_cast<int>(line / job.dy.h);
  float gradient[count];
  load<count>(job.dy.pixel(pixel) + channel, gradient);
#pragma unroll
  for (int k = 0; k < count; ++k) bias_sum[k] += gradient[k];
#pragma unroll
  for (int t = 0; t < taps; ++t) {
    const int r = (first_tap + t) / job.g.kernel_w, s = (first_tap + t) % job.g.kernel_w;
    const int h = p * job.g.stride_h - job.g.pad.top + r, w = q * job.g.stride_w - job.g.pad.left + s;
    if (h < 0 || h >= job.x.h || w < 0 || w >= job.x.w) continue;
    float values[count];
    load<count>(job.x.at(n, h, w) + channel, values);
#pragma unroll
    for (int k = 0; k < count; ++k) sums[t][k] += values[k] * gradient[k];
  }
}

/// `taps`: how many taps a thread keeps; blockIdx.z picks which. The first of them sums the bias's gradient too.
template <class T, int count, int taps>
__global__ void __launch_bounds__(kThreads) depthwise_partial_weight_gradient(WeightJob<T> job) {
  SHARED(float, scratch, kTileThreads* count);
  const TilePlace place = tile_place();
  const int channel = place.group * count, all_taps = job.g.kernel_h * job.g.kernel_w;
  const int first_tap = static_cast<int>(blockIdx.z) * taps;
  float sums[taps][count] = {}, bias_sum[count] = {};
  if (channel < job.dy.c) {
    for (std::int64_t p = place.pixel; p < job.dy.pixels(); p += place.step) {
      add_pixel<T, count, taps>(job, p, channel, first_tap, sums, bias_sum);
    }
  }
  const bool writes = threadIdx.y == 0 && channel < job.dy.c;
  float* to = job.partial + std::int64_t{blockIdx.x} * (all_taps + 1) * job.dy.c + channel;
#pragma unroll
  for (int t = 0; t < taps; ++t) {
    sum_over_rows(sums[t], scratch);
    for (int k = 0; writes && k < count; ++k) to[std::int64_t{first_tap + t} * job.dy.c + k] = sums[t][k];
  }
  sum_over_rows(bias_sum, scratch);
  for (int k = 0; writes && first_tap == 0 && k < count; ++k) to[std::int64_t{all_taps} * job.dy.c + k] = bias_sum[k];
}

/// A warp's lanes take neighbouring elements, the eight rows of a block every eighth chunk of them.
__global__ void __launch_bounds__(kThreads)
    depthwise_finish_weight_gradient(const float* partial, int chunks, std::int64_t weights, std::int64_t biases,
                                     float* dkernel, float* dbias) {
  SHARED(float, scratch, kTileThreads);
  const std::int64_t element = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x, width = weights + biases;
  float sum[1] = {};
  for (int chunk = static_cast<int>(threadIdx.y); element < width && chunk < chunks;
       chunk += static_cast<int>(blockDim.y)) {
    sum[0] += partial[chunk * width + element];
  }
  sum_over_rows(sum, scratch);
  if (threadIdx.y != 0 || element >= width) return;
  if (element < weights) {
    dkernel[element] = sum[0];
  } else if (dbias != nullptr) {
    dbias[element - weights] = sum[0];
  }
}

template <class T, int count>
void backward_weight(Stream& stream, View<const T> x, View<const T> dy, const ConvGeometry& g, float* dkernel,
                     float* dbias) {
  const int taps = g.kernel_h * g.kernel_w;
  const ChannelTiles tiles = plan_tiles(dy.pixels(), dy.c / count);
  const std::int64_t weights = std::int64_t{taps} * dy.c;
  const WeightJob<T> job{x, dy, g, stream.workspace<float>(tiles.chunks * (weights + dy.c))};
  dim3 grid = tiles.grid();
  if (taps == 9) {
    LAUNCH((depthwise_partial_weight_gradient<T, count, 9>), grid, tiles.block(), stream, job);
  } else {
    grid.z = static_cast<unsigned>(taps);
    LAUNCH((depthwise_partial_weight_gradient<T, count, 1>), grid, tiles.block(), stream, job);
  }
  const auto blocks = static_cast<unsigned>((weights + dy.c + kWarp - 1) / kWarp);
  LAUNCH(depthwise_finish_weight_gradient, blocks, dim3(kWarp, kTileThreads / kWarp), stream, job.partial, tiles.chunks,
         weights, std::int64_t{dy.c}, dkernel, dbias);
}

void check_shapes(int n, int c, int out_h, int out_w, const ConvGeometry& g, int in_n, int in_c, int in_h, int in_w) {
  KARYON_CHECK(n == in_n && c == in_c && out_h == g.out_h(in_h) && out_w == g.out_w(in_w),
               "a depthwise convolution's output has another size than its geometry gives");
}

}  // namespace

template <class T>
void depthwise_conv_backward_data(Stream& stream, View<const T> dy, const float* kernel, const ConvGeometry& geometry,
                                  View<T> dx) {
  check_shapes(dy.n, dy.c, dy.h, dy.w, geometry, dx.n, dx.c, dx.h, dx.w);
  constexpr int kWide = kVector<T>;
  const DataJob<T> job{dy, kernel, geometry, dx};
  if (in_vectors_of(dy, kWide) && in_vectors_of(dx, kWide)) {
    LAUNCH((depthwise_gather_gradient<T, kWide>), blocks_for(dx.size() / kWide, kThreads), kThreads, stream, job);
  } else {
    LAUNCH((depthwise_gather_gradient<T, 1>), blocks_for(dx.size(), kThreads), kThreads, stream, job);
  }
}

template <class T>
void depthwise_conv_backward_weight(Stream& stream, View<const T> x, View<const T> dy, const ConvGeometry& geometry,
                                    float* dkernel, float* dbias) {
  check_shapes(dy.n, dy.c, dy.h, dy.w, geometry, x.n, x.c, x.h, x.w);
  // Nine taps of four channels fit a thread's registers; of eight (Bfloat16) they would leave too few threads.
  constexpr int kWide = 4;
  if (in_vectors_of(x, kWide) && in_vectors_of(dy, kWide)) {
    backward_weight<T, kWide>(stream, x, dy, geometry, dkernel, dbias);
  } else {
    backward_weight<T, 1>(stream, x, dy, geometry, dkernel, dbias);
  }
}

#define INSTANTIATE(T)                                                                                                \
  template void depthwise_conv_backward_data<T>(Stream&, View<const T>, const float*, const ConvGeometry&, View<T>);  \
  template void depthwise_conv_backward_weight<T>(Stream&, View<const T>, View<const T>, const ConvGeometry&, float*, \
                                                  float*);
INSTANTIATE(float)
INSTANTIATE(Bfloat16)
#undef INSTANTIATE

}  // namespace karyon::cuda
