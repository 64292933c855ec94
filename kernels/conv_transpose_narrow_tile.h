// The forward pass of the narrow transposed convolution (3x3, stride 2) in one tile, for the kernels that end it in
// different ways: conv_transpose_narrow.cu stores the result, head_xent.cu takes the loss of it.
// Invariant: a thread holds an input pixel of a 16x16 tile and computes its nine taps' products with every output
// channel in registers ("columns"), the channels coming through shared memory in chunks; then the columns lie in shared
// memory, and the thread of pixel (a, b) sums the four output pixels (2a, 2b) .. (2a+1, 2b+1) (before cropping) from
// its own and from the pixels above and to the left. So neighbouring tiles overlap by one row and column.
#pragma once

#include <span>

#include "kernels/check.h"
#include "kernels/simt.h"

namespace karyon::cuda {

constexpr int kNarrowSide = 16, kNarrowThreads = kNarrowSide * kNarrowSide;
constexpr int kNarrowCells = kNarrowSide - 1;  // pixels a side whose outputs a tile gives
constexpr int kNarrowChunk = 16;               // channels at a time
constexpr int kNarrowRow = kNarrowChunk + 4;   // floats a pixel in shared memory: 16-byte accesses without conflicts

/// Floats of the tile: first a chunk of the inputs, then the columns.
template <int outs>
constexpr int kNarrowScratch = kNarrowThreads*(kNarrowRow > 9 * outs ? kNarrowRow : 9 * outs);
template <int outs>
constexpr int kNarrowWeights = 9 * outs* kNarrowChunk;

/// One or two inputs side by side, and their kernel HWOI.
template <class T>
struct NarrowInputs {
  View<const T> first, second;  // the second is empty where there is one alone
  int channels = 0;             // of both
  const float* kernel = nullptr;
  Padding crop;
};

/// Tiles over one image: cells (a, b) with 0 <= a <= h, 0 <= b <= w.
struct NarrowGrid {
  int tiles_h, tiles_w;
};
inline NarrowGrid narrow_grid(int h, int w) { return {h / kNarrowCells + 1, w / kNarrowCells + 1}; }

/// Brings channels [first, first + kNarrowChunk) of a part's tile, and of its kernel, into shared memory; zeros
/// outside.
template <class T, int outs, int count>
__device__ inline void bring_narrow_chunk(const NarrowInputs<T>& in, const View<const T>& x, int kernel_channel,
                                          int first, int n, int first_i, int first_j, float* tile, float* weights) {
  constexpr int kGroups = kNarrowChunk / count;
  for (int t = static_cast<int>(threadIdx.x); t < kNarrowThreads * kGroups; t += kNarrowThreads) {
    const int pixel = t / kGroups, channel = first + t % kGroups * count;
    const int i = first_i + pixel / kNarrowSide, j = first_j + pixel % kNarrowSide;
    float values[count] = {};
    if (channel < x.c && i >= 0 && i < x.h && j >= 0 && j < x.w) load<count>(x.at(n, i, j) + channel, values);
#pragma unroll
    for (int k = 0; k < count; ++k) tile[pixel * kNarrowRow + channel - first + k] = values[k];
  }
  for (int t = static_cast<int>(threadIdx.x); t < kNarrowWeights<outs>; t += kNarrowThreads) {
    const int column = t / kNarrowChunk, channel = first + t % kNarrowChunk;
    weights[t] = channel < x.c ? in.kernel[std::int64_t{column} * in.channels + kernel_channel + channel] : 0.0F;
  }
}

/// scratch[column][thread]: the columns of the tile whose first pixel is (first_i, first_j) of image n; zero outside
/// the image. All threads of the block call it; it ends with a barrier. count: channels a load takes.
template <class T, int outs, int count>
__device__ inline void narrow_columns(const NarrowInputs<T>& in, int n, int first_i, int first_j, float* scratch,
                                      float* weights) {
  const int thread = static_cast<int>(threadIdx.x);
  float columns[9 * outs] = {};
  for (int part = 0; part < 2; ++part) {
    const View<const T> x = part == 0 ? in.first : in.second;
    const int kernel_channel = part == 0 ? 0 : in.first.c;
    for (int first = 0; first < x.c; first += kNarrowChunk) {
      bring_narrow_chunk<T, outs, count>(in, x, kernel_channel, first, n, first_i, first_j, scratch, weights);
      __syncthreads();
#pragma unroll
      for (int c = 0; c < kNarrowChunk; c += 4) {
        float own[4];
        load<4>(scratch + thread * kNarrowRow + c, own);
#pragma unroll
        for (int column = 0; column < 9 * outs; ++column) {
          float k[4];
          load<4>(weights + column * kNarrowChunk + c, k);
          columns[column] += own[0] * k[0] + own[1] * k[1] + own[2] * k[2] + own[3] * k[3];
        }
      }
      __syncthreads();
    }
  }
#pragma unroll
  for (int column = 0; column < 9 * outs; ++column) scratch[column * kNarrowThreads + thread] = columns[column];
  __syncthreads();
}

/// The sums of output pixel (2a + down, 2b + right), before cropping, of the thread whose pixel is (a, b); the thread
/// is not in the tile's first row or column.
template <int outs>
__device__ inline void narrow_output(const float* columns, int down, int right, float (&sums)[outs]) {
  const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int o = 0; o < outs; ++o) sums[o] = 0.0F;
  // An even row is tap 0 of its own pixel and tap 2 of the one above; an odd row is tap 1 alone. Columns the same.
  for (int above = 0; above <= 1 - down; ++above) {
    for (int left = 0; left <= 1 - right; ++left) {
      const int tap = (down == 1 ? 1 : 2 * above) * 3 + (right == 1 ? 1 : 2 * left);
      const int from = thread - above * kNarrowSide - left;
#pragma unroll
      for (int o = 0; o < outs; ++o) sums[o] += columns[(tap * outs + o) * kNarrowThreads + from];
    }
  }
}

/// Whether every part can be loaded `count` channels at a time.
template <class T>
bool narrow_parts_in_vectors(const NarrowInputs<T>& in, int count) {
  return in_vectors_of(in.first, count) && in_vectors_of(in.second, count);
}

template <class T>
NarrowInputs<T> narrow_inputs(std::span<const View<const T>> inputs, const float* kernel, const Padding& crop) {
  KARYON_CHECK(inputs.size() == 1 || inputs.size() == 2, "a transposed convolution takes one or two inputs");
  NarrowInputs<T> in;
  in.first = inputs[0];
  if (inputs.size() == 2) in.second = inputs[1];
  in.channels = in.first.c + in.second.c;
  in.kernel = kernel;
  in.crop = crop;
  return in;
}

}  // namespace karyon::cuda
