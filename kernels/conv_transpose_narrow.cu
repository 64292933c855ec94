// The narrow transposed convolution on CUDA: forward and both gradients, each bound by reading its large side once.
// Invariant: the gradients keep a thread on its channels, with the kernel (or the sums) of all taps and outputs in
// registers, while it walks over pixels; sums are added over threads and blocks in a fixed order.
#include "kernels/channel_tiles.h"
#include "kernels/check.h"
#include "kernels/conv_transpose_narrow_cuda.h"
#include "kernels/conv_transpose_narrow_tile.h"
#include "kernels/partial_sums.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kWideChannels = 4;  // a thread's channels in the gradients

template <class T, int outs, int count>
__global__ void __launch_bounds__(kNarrowThreads)
    narrow_forward_tiles(NarrowInputs<T> in, const float* bias, Activation act, NarrowGrid grid, FloatView y) {
  SHARED(float, scratch, kNarrowScratch<outs>);
  SHARED(float, weights, kNarrowWeights<outs>);
  const int ti = static_cast<int>(threadIdx.x) / kNarrowSide, tj = static_cast<int>(threadIdx.x) % kNarrowSide;
  const int first_i = static_cast<int>(blockIdx.x) / grid.tiles_w * kNarrowCells - 1;
  const int first_j = static_cast<int>(blockIdx.x) % grid.tiles_w * kNarrowCells - 1;
  for (int n = static_cast<int>(blockIdx.y); n < y.n; n += static_cast<int>(gridDim.y)) {
    narrow_columns<T, outs, count>(in, n, first_i, first_j, scratch, weights);
    for (int quarter = 0; ti > 0 && tj > 0 && quarter < 4; ++quarter) {
      const int down = quarter / 2, right = quarter % 2;
      const int p = 2 * (first_i + ti) + down - in.crop.top, q = 2 * (first_j + tj) + right - in.crop.left;
      if (p < 0 || p >= y.h || q < 0 || q >= y.w) continue;
      float sums[outs];
      narrow_output<outs>(scratch, down, right, sums);
      float* to = y.at(n, p, q);
#pragma unroll
      for (int o = 0; o < outs; ++o) {
        to[o] = activate(act, sums[o] + (bias != nullptr ? bias[o] : 0.0F));
      }
    }
    __syncthreads();  // before the next image takes the tile
  }
}

/// The gradients that an input pixel's nine taps meet; zero where a tap is cropped away.
template <int outs>
__device__ inline void load_narrow_gradients(ConstFloatView dy, const Padding& crop, int n, int i, int j,
                                             float (&gradients)[9 * outs]) {
#pragma unroll
  for (int tap = 0; tap < 9; ++tap) {
    const int p = 2 * i - crop.top + tap / 3, q = 2 * j - crop.left + tap % 3;
    const bool inside = p >= 0 && p < dy.h && q >= 0 && q < dy.w;
    const float* from = inside ? dy.at(n, p, q) : nullptr;
#pragma unroll
    for (int o = 0; o < outs; ++o) gradients[tap * outs + o] = inside ? from[o] : 0.0F;
  }
}

/// Row and column of a pixel of views h x w.
struct PixelPlace {
  int n, i, j;
};
__device__ inline PixelPlace place_of(std::int64_t pixel, int h, int w) {
  const std::int64_t line = pixel / w;
  return {static_cast<int>(line / h), static_cast<int>(line % h), static_cast<int>(pixel % w)};
}

/// kernel: [9 * outs][kernel_channels], from the first channel of dx on.
template <class T, int outs, int count>
__global__ void __launch_bounds__(kTileThreads)
    narrow_data_gradient(ConstFloatView dy, const float* kernel, int kernel_channels, Padding crop, View<T> dx) {
  const TilePlace place = tile_place();
  const int channel = place.group * count;
  if (channel >= dx.c) return;
  float weights[9 * outs][count];
#pragma unroll
  for (int column = 0; column < 9 * outs; ++column) {
#pragma unroll
    for (int k = 0; k < count; ++k) weights[column][k] = kernel[std::int64_t{column} * kernel_channels + channel + k];
  }
  for (std::int64_t pixel = place.pixel; pixel < dx.pixels(); pixel += place.step) {
    const PixelPlace at = place_of(pixel, dx.h, dx.w);
    float gradients[9 * outs], sums[count] = {};
    load_narrow_gradients<outs>(dy, crop, at.n, at.i, at.j, gradients);
#pragma unroll
    for (int column = 0; column < 9 * outs; ++column) {
#pragma unroll
      for (int k = 0; k < count; ++k) sums[k] += gradients[column] * weights[column][k];
    }
    store<count>(dx.pixel(pixel) + channel, sums);
  }
}

/// partial[chunk][9 * outs][kernel_channels], from channel_begin on.
template <class T, int outs, int count>
__global__ void __launch_bounds__(kTileThreads)
    narrow_partial_weight_gradient(View<const T> x, ConstFloatView dy, Padding crop, int channel_begin,
                                   int kernel_channels, float* partial) {
  SHARED(float, scratch, kTileThreads* count);
  const TilePlace place = tile_place();
  const int channel = place.group * count;
  float sums[9 * outs][count] = {};
  for (std::int64_t pixel = place.pixel; channel < x.c && pixel < x.pixels(); pixel += place.step) {
    const PixelPlace at = place_of(pixel, x.h, x.w);
    float gradients[9 * outs], values[count];
    load_narrow_gradients<outs>(dy, crop, at.n, at.i, at.j, gradients);
    load<count>(x.pixel(pixel) + channel, values);
#pragma unroll
    for (int column = 0; column < 9 * outs; ++column) {
#pragma unroll
      for (int k = 0; k < count; ++k) sums[column][k] += gradients[column] * values[k];
    }
  }
  float* to = partial + std::int64_t{blockIdx.x} * 9 * outs * kernel_channels + channel_begin + channel;
#pragma unroll
  for (int column = 0; column < 9 * outs; ++column) {
    sum_over_rows(sums[column], scratch);
    if (threadIdx.y != 0 || channel >= x.c) continue;
#pragma unroll
    for (int k = 0; k < count; ++k) to[std::int64_t{column} * kernel_channels + k] = sums[column][k];
  }
}

template <class T, int outs>
void forward(Stream& stream, const NarrowInputs<T>& in, const float* bias, Activation act, FloatView y) {
  const NarrowGrid grid = narrow_grid(in.first.h, in.first.w);
  const dim3 blocks(static_cast<unsigned>(grid.tiles_h * grid.tiles_w), blocks_for(y.n, 1));
  if (narrow_parts_in_vectors(in, kVector<T>)) {
    LAUNCH((narrow_forward_tiles<T, outs, kVector<T>>), blocks, kNarrowThreads, stream, in, bias, act, grid, y);
  } else {
    LAUNCH((narrow_forward_tiles<T, outs, 1>), blocks, kNarrowThreads, stream, in, bias, act, grid, y);
  }
}

template <class T, int outs>
void backward_data(Stream& stream, ConstFloatView dy, const float* kernel, int kernel_channels, const Padding& crop,
                   View<T> dx) {
  if (in_vectors_of(dx, kWideChannels)) {
    const ChannelTiles tiles = plan_tiles(dx.pixels(), dx.c / kWideChannels);
    LAUNCH((narrow_data_gradient<T, outs, kWideChannels>), tiles.grid(), tiles.block(), stream, dy, kernel,
           kernel_channels, crop, dx);
  } else {
    const ChannelTiles tiles = plan_tiles(dx.pixels(), dx.c);
    LAUNCH((narrow_data_gradient<T, outs, 1>), tiles.grid(), tiles.block(), stream, dy, kernel, kernel_channels, crop,
           dx);
  }
}

template <class T, int outs>
void backward_weight(Stream& stream, std::span<const View<const T>> inputs, ConstFloatView dy, const Padding& crop,
                     float* dkernel) {
  const NarrowInputs<T> in = narrow_inputs(inputs, nullptr, crop);
  const bool wide = narrow_parts_in_vectors(in, kWideChannels);
  const int count = wide ? kWideChannels : 1;
  const std::int64_t width = std::int64_t{9} * outs * in.channels;
  // One number of chunks for both parts, so that their sums can be added together.
  const int chunks = plan_tiles(in.first.pixels(), in.first.c / count).chunks;
  auto* partial = stream.workspace<float>(chunks * width);
  int channel_begin = 0;
  for (const View<const T>& x : inputs) {
    ChannelTiles tiles = plan_tiles(x.pixels(), x.c / count);
    tiles.chunks = chunks;
    if (wide) {
      LAUNCH((narrow_partial_weight_gradient<T, outs, kWideChannels>), tiles.grid(), tiles.block(), stream, x, dy, crop,
             channel_begin, in.channels, partial);
    } else {
      LAUNCH((narrow_partial_weight_gradient<T, outs, 1>), tiles.grid(), tiles.block(), stream, x, dy, crop,
             channel_begin, in.channels, partial);
    }
    channel_begin += x.c;
  }
  add_partial_sums(stream, partial, chunks, width, dkernel);
}

/// Calls body.template operator()<outs>() for 2 or 3 outputs.
template <class Body>
void with_outputs(int outputs, const Body& body) {
  if (outputs == 2) {
    body.template operator()<2>();
  } else {
    body.template operator()<3>();
  }
}

}  // namespace

template <class T>
void narrow_conv_transpose_forward(Stream& stream, std::span<const View<const T>> inputs, const float* kernel,
                                   const float* bias, Activation act, const ConvGeometry& geometry, FloatView y) {
  KARYON_CHECK(is_narrow(geometry, y.c), "3x3, stride 2 and two or three output channels");
  const NarrowInputs<T> in = narrow_inputs(inputs, kernel, geometry.pad);
  with_outputs(y.c, [&]<int outs>() { forward<T, outs>(stream, in, bias, act, y); });
}

template <class T>
void narrow_conv_transpose_backward_data(Stream& stream, ConstFloatView dy, const float* kernel, int kernel_channels,
                                         int channel_begin, const ConvGeometry& geometry, View<T> dx) {
  KARYON_CHECK(is_narrow(geometry, dy.c), "3x3, stride 2 and two or three output channels");
  with_outputs(dy.c, [&]<int outs>() {
    backward_data<T, outs>(stream, dy, kernel + channel_begin, kernel_channels, geometry.pad, dx);
  });
}

template <class T>
void narrow_conv_transpose_backward_weight(Stream& stream, std::span<const View<const T>> inputs, ConstFloatView dy,
                                           const ConvGeometry& geometry, float* dkernel, float* dbias) {
  KARYON_CHECK(is_narrow(geometry, dy.c), "3x3, stride 2 and two or three output channels");
  with_outputs(dy.c, [&]<int outs>() { backward_weight<T, outs>(stream, inputs, dy, geometry.pad, dkernel); });
  if (dbias != nullptr) sum_channels(stream, dy, dbias);
}

#define INSTANTIATE(T)                                                                                                \
  template void narrow_conv_transpose_forward<T>(Stream&, std::span<const View<const T>>, const float*, const float*, \
                                                 Activation, const ConvGeometry&, FloatView);                         \
  template void narrow_conv_transpose_backward_data<T>(Stream&, ConstFloatView, const float*, int, int,               \
                                                       const ConvGeometry&, View<T>);                                 \
  template void narrow_conv_transpose_backward_weight<T>(Stream&, std::span<const View<const T>>, ConstFloatView,     \
                                                         const ConvGeometry&, float*, float*);
INSTANTIATE(float)
INSTANTIATE(Bfloat16)
#undef INSTANTIATE

}  // namespace karyon::cuda
