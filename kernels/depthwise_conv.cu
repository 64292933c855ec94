// Depthwise convolution on CUDA; its gradients are in depthwise_conv_backward.cu.
// Invariant: neighbouring threads have neighbouring vectors of channels (16 bytes, or one element where channels or
// pitches do not allow that). 3x3 kernels at stride 1 and 2 work on tiles in shared memory (depthwise_tile.h): the
// input is read once but for the tiles' borders, the output is written once. Every other geometry takes its taps from
// global memory.
#include <algorithm>

#include "kernels/depthwise_conv.h"
#include "kernels/depthwise_tile.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;

/// A block a tile and a group of channels, the groups of a tile side by side.
template <class T, int stride>
__global__ void __launch_bounds__(kTiledThreads)
    depthwise_forward_tile(View<const T> x, const float* kernel, const float* bias, Activation act, ConvGeometry g,
                           View<T> y, TileGrid grid) {
  constexpr int kCount = kVector<T>;
  using Window = ForwardWindow<stride>;
  using Weights = TileWeights<kCount>;
  SHARED(T, tile, Window::kSide * Window::kSide * kMostLanes * kCount);
  SHARED(float, weights, Weights::kSize);
  const int group = static_cast<int>(blockIdx.x % static_cast<unsigned>(grid.groups));
  const ImageTile at = image_tile(grid, blockIdx.x / static_cast<unsigned>(grid.groups));
  const int channel = thread_channel<kCount>(grid, group);
  Weights::fetch(grid, group, kernel, bias, x.c, weights);
  load_tile<kCount, Window::kSide, Window::kSide>(x, at.image, at.row * stride - g.pad.top,
                                                  at.col * stride - g.pad.left, channel, tile);
  __syncthreads();

  const int down = static_cast<int>(threadIdx.z), right = static_cast<int>(threadIdx.y) * kStrip;
  if (channel >= y.c || at.row + down >= y.h || at.col + right >= y.w) return;
  float sums[kStrip][kCount];
#pragma unroll
  for (int i = 0; i < kStrip; ++i) Weights::load_tap(weights, 9, sums[i]);
#pragma unroll
  for (int r = 0; r < 3; ++r) {
    const int pixel = (down * stride + r) * Window::kSide + right * stride;
    add_row_of_taps<Window>(tile, pixel, weights, r, sums);
  }
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    if (at.col + right + i >= y.w) continue;
#pragma unroll
    for (int k = 0; k < kCount; ++k) sums[i][k] = activate(act, sums[i][k]);
    store<kCount>(y.at(at.image, at.row + down, at.col + right + i) + channel, sums[i]);
  }
}

/// Any geometry: a thread one vector of channels of an output pixel.
template <class T, int count>
__global__ void __launch_bounds__(kThreads)
    depthwise_forward_pixels(View<const T> x, const float* kernel, const float* bias, Activation act, ConvGeometry g,
                             View<T> y) {
  const int groups = y.c / count;
  const std::int64_t all = y.pixels() * groups, step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < all; i += step) {
    const std::int64_t pixel = i / groups, line = pixel / y.w;
    const int channel = static_cast<int>(i % groups) * count, n = static_cast<int>(line / y.h);
    const int row = static_cast<int>(line % y.h) * g.stride_h - g.pad.top;
    const int col = static_cast<int>(pixel % y.w) * g.stride_w - g.pad.left;
    float sum[count];
#pragma unroll
    for (int k = 0; k < count; ++k) sum[k] = bias != nullptr ? bias[channel + k] : 0.0F;
    for (int r = std::max(0, -row); r < std::min(g.kernel_h, x.h - row); ++r) {
      for (int s = std::max(0, -col); s < std::min(g.kernel_w, x.w - col); ++s) {
        float values[count];
        load<count>(x.at(n, row + r, col + s) + channel, values);
        const float* tap = kernel + std::int64_t{r * g.kernel_w + s} * x.c + channel;
#pragma unroll
        for (int k = 0; k < count; ++k) sum[k] += values[k] * tap[k];
      }
    }
#pragma unroll
    for (int k = 0; k < count; ++k) sum[k] = activate(act, sum[k]);
    store<count>(y.pixel(pixel) + channel, sum);
  }
}

template <class T, int stride>
void forward_by_tiles(const Stream& stream, View<const T> x, const float* kernel, const float* bias, Activation act,
                      const ConvGeometry& g, View<T> y) {
  const TileGrid grid(y.n, y.h, y.w, y.c / kVector<T>);
  const auto blocks = static_cast<unsigned>(grid.tiles() * grid.groups);
  LAUNCH((depthwise_forward_tile<T, stride>), blocks, grid.block(), stream, x, kernel, bias, act, g, y, grid);
}

}  // namespace

template <class T>
void depthwise_conv_forward(Stream& stream, View<const T> x, const float* kernel, const float* bias, Activation act,
                            const ConvGeometry& geometry, View<T> y) {
  KARYON_CHECK(x.n == y.n && x.c == y.c && y.h == geometry.out_h(x.h) && y.w == geometry.out_w(x.w),
               "a depthwise convolution's output has another size than its geometry gives");
  constexpr int kWide = kVector<T>;
  if (!in_vectors_of(x, kWide) || !in_vectors_of(y, kWide)) {
    LAUNCH((depthwise_forward_pixels<T, 1>), blocks_for(y.size(), kThreads), kThreads, stream, x, kernel, bias, act,
           geometry, y);
  } else if (!tiles_serve(geometry)) {
    LAUNCH((depthwise_forward_pixels<T, kWide>), blocks_for(y.size() / kWide, kThreads), kThreads, stream, x, kernel,
           bias, act, geometry, y);
  } else if (geometry.stride_h == 1) {
    forward_by_tiles<T, 1>(stream, x, kernel, bias, act, geometry, y);
  } else {
    forward_by_tiles<T, 2>(stream, x, kernel, bias, act, geometry, y);
  }
}
template void depthwise_conv_forward<float>(Stream&, ConstFloatView, const float*, const float*, Activation,
                                            const ConvGeometry&, FloatView);
template void depthwise_conv_forward<Bfloat16>(Stream&, View<const Bfloat16>, const float*, const float*, Activation,
                                               const ConvGeometry&, View<Bfloat16>);

}  // namespace karyon::cuda
