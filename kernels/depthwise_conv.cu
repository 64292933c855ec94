// Depthwise convolution on CUDA.
// Invariant: neighbouring threads have neighbouring channels, so every access is coalesced whatever the taps. The 3x3
// kernels of MobileNetV2 at stride 1 and 2 take their input through a tile in shared memory (read once, with its
// border; written once); every other geometry reads its taps from global memory. The gradients are in
// depthwise_conv_backward.cu.
#include "kernels/depthwise_conv.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kLanes = 8;                         // threads of a block along the channels
constexpr int kPixelsABlock = kThreads / kLanes;  // threads along the pixels

/// The tile of outputs of a block, and the inputs under it.
template <int stride>
struct Tile {
  static constexpr int kOutH = stride == 1 ? 8 : 4, kOutW = stride == 1 ? 16 : 8;
  static constexpr int kInH = (kOutH - 1) * stride + 3, kInW = (kOutW - 1) * stride + 3;
  static constexpr int kOutputs = kOutH * kOutW, kInputs = kInH * kInW;
};

template <class T>
struct ForwardJob {
  View<const T> x;
  const float *kernel, *bias;
  Activation act;
  ConvGeometry g;
  View<T> y;
};

template <int count>
__device__ inline void load_bias(const float* bias, int channel, float (&values)[count]) {
#pragma unroll
  for (int k = 0; k < count; ++k) values[k] = bias != nullptr ? bias[channel + k] : 0.0F;
}

/// A block: one image's tile, `kLanes` groups of channels. blockIdx.x: channel slab; y: tile of the image; z: image.
template <class T, int count, int stride>
__global__ void __launch_bounds__(kThreads) depthwise_3x3_tiles(ForwardJob<T> job) {
  using Tile = Tile<stride>;
  SHARED(T, tile, Tile::kInputs * kLanes * count);
  const int lane = static_cast<int>(threadIdx.x) % kLanes, row = static_cast<int>(threadIdx.x) / kLanes;
  const int channel = (static_cast<int>(blockIdx.x) * kLanes + lane) * count;
  const bool active = channel < job.y.c;
  const int tiles_w = (job.y.w + Tile::kOutW - 1) / Tile::kOutW;
  const int first_p = static_cast<int>(blockIdx.y) / tiles_w * Tile::kOutH;
  const int first_q = static_cast<int>(blockIdx.y) % tiles_w * Tile::kOutW;
  float taps[9][count] = {}, bias[count] = {};
  if (active) {
#pragma unroll
    for (int t = 0; t < 9; ++t) {
#pragma unroll
      for (int k = 0; k < count; ++k) taps[t][k] = job.kernel[t * job.y.c + channel + k];
    }
    load_bias(job.bias, channel, bias);
  }
  for (int n = static_cast<int>(blockIdx.z); n < job.y.n; n += static_cast<int>(gridDim.z)) {
    for (int i = row; active && i < Tile::kInputs; i += kPixelsABlock) {
      const int h = first_p * stride - job.g.pad.top + i / Tile::kInW;
      const int w = first_q * stride - job.g.pad.left + i % Tile::kInW;
      float values[count] = {};
      if (h >= 0 && h < job.x.h && w >= 0 && w < job.x.w) load<count>(job.x.at(n, h, w) + channel, values);
      store<count>(tile + (i * kLanes + lane) * count, values);
    }
    __syncthreads();
    for (int o = row; active && o < Tile::kOutputs; o += kPixelsABlock) {
      const int down = o / Tile::kOutW, right = o % Tile::kOutW;
      if (first_p + down >= job.y.h || first_q + right >= job.y.w) continue;
      float sum[count];
#pragma unroll
      for (int k = 0; k < count; ++k) sum[k] = bias[k];
#pragma unroll
      for (int t = 0; t < 9; ++t) {
        const int at = (down * stride + t / 3) * Tile::kInW + right * stride + t % 3;
        float values[count];
        load<count>(tile + (at * kLanes + lane) * count, values);
#pragma unroll
        for (int k = 0; k < count; ++k) sum[k] += values[k] * taps[t][k];
      }
#pragma unroll
      for (int k = 0; k < count; ++k) sum[k] = activate(job.act, sum[k]);
      store<count>(job.y.at(n, first_p + down, first_q + right) + channel, sum);
    }
    __syncthreads();  // before the next image takes the tile
  }
}

/// Any geometry: a thread a group of channels of an output pixel.
template <class T, int count>
__global__ void __launch_bounds__(kThreads) depthwise_any_geometry(ForwardJob<T> job) {
  const int groups = job.y.c / count;
  const std::int64_t all = job.y.pixels() * groups, step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < all; i += step) {
    const int channel = static_cast<int>(i % groups) * count;
    const std::int64_t pixel = i / groups, line = pixel / job.y.w;
    const int q = static_cast<int>(pixel % job.y.w), p = static_cast<int>(line % job.y.h);
    const int n = static_cast<int>(line / job.y.h);
    float sum[count];
    load_bias(job.bias, channel, sum);
    for (int r = 0; r < job.g.kernel_h; ++r) {
      const int h = p * job.g.stride_h - job.g.pad.top + r;
      if (h < 0 || h >= job.x.h) continue;
      for (int s = 0; s < job.g.kernel_w; ++s) {
        const int w = q * job.g.stride_w - job.g.pad.left + s;
        if (w < 0 || w >= job.x.w) continue;
        const float* taps = job.kernel + std::int64_t{r * job.g.kernel_w + s} * job.y.c + channel;
        float values[count];
        load<count>(job.x.at(n, h, w) + channel, values);
#pragma unroll
        for (int k = 0; k < count; ++k) sum[k] += values[k] * taps[k];
      }
    }
#pragma unroll
    for (int k = 0; k < count; ++k) sum[k] = activate(job.act, sum[k]);
    store<count>(job.y.pixel(pixel) + channel, sum);
  }
}

template <class T, int stride>
void launch_tiles(const Stream& stream, const ForwardJob<T>& job) {
  constexpr int kWide = kVector<T>;
  using Tile = Tile<stride>;
  const View<T>& y = job.y;
  const int tiles = ((y.h + Tile::kOutH - 1) / Tile::kOutH) * ((y.w + Tile::kOutW - 1) / Tile::kOutW);
  KARYON_CHECK(tiles <= 65535, "a grid has 65535 tiles at most");
  const dim3 grid((static_cast<unsigned>(y.c) + kLanes * kWide - 1) / (kLanes * kWide), static_cast<unsigned>(tiles),
                  blocks_for(y.n, 1));
  LAUNCH((depthwise_3x3_tiles<T, kWide, stride>), grid, kThreads, stream, job);
}

/// Whether the tiles serve: 3x3, one stride of 1 or 2, few enough of them.
bool tiles_serve(const ConvGeometry& g, int out_h, int out_w) {
  return g.kernel_h == 3 && g.kernel_w == 3 && g.stride_h == g.stride_w && g.stride_h <= 2 &&
         std::int64_t{out_h} * out_w <= std::int64_t{65535} * Tile<2>::kOutputs / 4;
}

}  // namespace

template <class T>
void depthwise_conv_forward(Stream& stream, View<const T> x, const float* kernel, const float* bias, Activation act,
                            const ConvGeometry& geometry, View<T> y) {
  KARYON_CHECK(x.n == y.n && x.c == y.c && y.h == geometry.out_h(x.h) && y.w == geometry.out_w(x.w),
               "a depthwise convolution's output has another size than its geometry gives");
  constexpr int kWide = kVector<T>;
  const ForwardJob<T> job{x, kernel, bias, act, geometry, y};
  if (!in_vectors_of(x, kWide) || !in_vectors_of(y, kWide)) {
    LAUNCH((depthwise_any_geometry<T, 1>), blocks_for(y.size(), kThreads), kThreads, stream, job);
  } else if (!tiles_serve(geometry, y.h, y.w)) {
    LAUNCH((depthwise_any_geometry<T, kWide>), blocks_for(y.size() / kWide, kThreads), kThreads, stream, job);
  } else if (geometry.stride_h == 1) {
    launch_tiles<T, 1>(stream, job);
  } else {
    launch_tiles<T, 2>(stream, job);
  }
}
template void depthwise_conv_forward<float>(Stream&, ConstFloatView, const float*, const float*, Activation,
                                            const ConvGeometry&, FloatView);
template void depthwise_conv_forward<Bfloat16>(Stream&, View<const Bfloat16>, const float*, const float*, Activation,
                                               const ConvGeometry&, View<Bfloat16>);

}  // namespace karyon::cuda
