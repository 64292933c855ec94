// How the 3x3 depthwise kernels at stride 1 and 2 share out an image (internal to kernels/depthwise_conv*.cu).
// Invariant: a block makes kTile x kTile neighbouring pixels of one image, `lanes` vectors of `count` channels wide. It
// brings what lies under them, border included, into shared memory once; what lies outside the image is zero there. A
// thread keeps one vector of channels and makes a strip of kStrip neighbouring pixels of a row, so a number that it
// takes from shared memory serves up to three taps, and a weight serves all pixels of the strip.
#pragma once

#include "kernels/simt.h"

namespace karyon::cuda {

constexpr int kTile = 8;
constexpr int kStrip = 4;
constexpr int kStrips = kTile / kStrip;
constexpr int kMostLanes = 8;  // threads along the channels; a block has these times kStrips times kTile
constexpr int kTiledThreads = kMostLanes * kStrips * kTile;

/// The tiles that cover an image of h x w pixels, and the groups of channels that cover a pixel.
struct TileGrid {
  int lanes, groups, across, down, images;

  TileGrid(int n, int h, int w, int vectors)
      : lanes(lanes_for(vectors)),
        groups((vectors + lanes - 1) / lanes),
        across((w + kTile - 1) / kTile),
        down((h + kTile - 1) / kTile),
        images(n) {}

  [[nodiscard]] constexpr std::int64_t tiles() const { return std::int64_t{images} * down * across; }
  [[nodiscard]] dim3 block() const { return {static_cast<unsigned>(lanes), kStrips, kTile}; }

 private:
  /// Half as many where that leaves fewer threads without a channel.
  static int lanes_for(int vectors) {
    constexpr int kHalf = kMostLanes / 2;
    return (vectors + kHalf - 1) / kHalf * kHalf < (vectors + kMostLanes - 1) / kMostLanes * kMostLanes ? kHalf
                                                                                                        : kMostLanes;
  }
};

/// A tile's image and the place of its first pixel there.
struct ImageTile {
  int image, row, col;
};

__device__ inline ImageTile image_tile(const TileGrid& grid, std::int64_t tile) {
  const std::int64_t line = tile / grid.across;
  return {static_cast<int>(line / grid.down), static_cast<int>(line % grid.down) * kTile,
          static_cast<int>(tile % grid.across) * kTile};
}

/// The first channel of this thread's vector, given its block's group.
template <int count>
__device__ inline int thread_channel(const TileGrid& grid, int group) {
  return (group * grid.lanes + static_cast<int>(threadIdx.x)) * count;
}

/// Brings rows x cols pixels of an image, the first at (first_row, first_col), which may lie outside, into
/// tile[rows][cols][kMostLanes * count]. `channel` is the thread's; threads with none of the image's bring nothing.
template <int count, int rows, int cols, class T>
__device__ inline void load_tile(const View<const T>& x, int image, int first_row, int first_col, int channel,
                                 T* tile) {
  constexpr int kThreadsALane = kStrips * kTile, kPixels = rows * cols;
  constexpr int kAtOnce = 4;  // loads on their way before the first is waited for
  if (channel >= x.c) return;
  const int first = static_cast<int>(threadIdx.z * kStrips + threadIdx.y);
  for (int begin = first; begin < kPixels; begin += kAtOnce * kThreadsALane) {
    float values[kAtOnce][count] = {};
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int pixel = begin + i * kThreadsALane;
      const int row = first_row + pixel / cols, col = first_col + pixel % cols;
      if (pixel >= kPixels || row < 0 || row >= x.h || col < 0 || col >= x.w) continue;
      load<count>(x.at(image, row, col) + channel, values[i]);
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int pixel = begin + i * kThreadsALane;
      if (pixel >= kPixels) continue;
      store<count>(tile + (pixel * kMostLanes + static_cast<int>(threadIdx.x)) * count, values[i]);
    }
  }
}

/// This thread's vector of a pixel of the tile.
template <int count, class T>
__device__ inline void load_from_tile(const T* tile, int pixel, float (&values)[count]) {
  load<count>(tile + (pixel * kMostLanes + static_cast<int>(threadIdx.x)) * count, values);
}

/// A block's weights in shared memory: nine taps and the bias (zeros if there is none). Taken one by one, since a
/// parameter is aligned as a float alone. Pieces of four channels: [tap][piece of a vector][lane][4], so that
/// neighbouring lanes read neighbouring 16 bytes.
template <int count>
struct TileWeights {
  static constexpr int kPiece = 4, kPieces = count / kPiece;
  static constexpr int kWidth = kMostLanes * count, kSize = 10 * kWidth;

  static __device__ inline void fetch(const TileGrid& grid, int group, const float* kernel, const float* bias,
                                      int channels, float* weights) {
    const int thread = static_cast<int>((threadIdx.z * kStrips + threadIdx.y) * blockDim.x + threadIdx.x);
    for (int i = thread; i < kSize; i += static_cast<int>(blockDim.x) * kStrips * kTile) {
      const int tap = i / kWidth, in_block = i % kWidth, lane = in_block / count, k = in_block % count;
      const int channel = group * grid.lanes * count + in_block;
      const bool known = lane < grid.lanes && channel < channels && (tap < 9 || bias != nullptr);
      const float* from = tap < 9 ? kernel + std::int64_t{tap} * channels : bias;
      weights[tap * kWidth + (k / kPiece * kMostLanes + lane) * kPiece + k % kPiece] = known ? from[channel] : 0.0F;
    }
  }

  static __device__ inline void load_tap(const float* weights, int tap, float (&values)[count]) {
#pragma unroll
    for (int p = 0; p < kPieces; ++p) {
      float piece[kPiece];
      load<kPiece>(weights + tap * kWidth + (p * kMostLanes + static_cast<int>(threadIdx.x)) * kPiece, piece);
#pragma unroll
      for (int k = 0; k < kPiece; ++k) values[p * kPiece + k] = piece[k];
    }
  }
};

/// sums[i] += x[d] k[s] along one row of taps: Window::kCols neighbouring pixels of the tile from `pixel` on, where
/// Window::tap(i, d) names the tap s that pixel d is to pixel i of the strip; other numbers than 0, 1, 2: none.
template <class Window, int count, class T>
__device__ inline void add_row_of_taps(const T* tile, int pixel, const float* weights, int row_of_taps,
                                       float (&sums)[kStrip][count]) {
  float taps[3][count];
#pragma unroll
  for (int s = 0; s < 3; ++s) TileWeights<count>::load_tap(weights, row_of_taps * 3 + s, taps[s]);
#pragma unroll
  for (int d = 0; d < Window::kCols; ++d) {
    float values[count];
    load_from_tile(tile, pixel + d, values);
#pragma unroll
    for (int i = 0; i < kStrip; ++i) {
      const int s = Window::tap(i, d);
      if (s < 0 || s > 2) continue;
#pragma unroll
      for (int k = 0; k < count; ++k) sums[i][k] += values[k] * taps[s][k];
    }
  }
}

/// Of a convolution: under pixel i of a strip the tile's columns stride * i + s.
template <int stride>
struct ForwardWindow {
  static constexpr int kCols = (kStrip - 1) * stride + 3;  // under a strip
  static constexpr int kSide = (kTile - 1) * stride + 3;   // under a tile
  static __device__ constexpr int tap(int i, int d) { return d - i * stride; }
};

/// Whether the kernels of this file serve: 3x3 at stride 1 or 2.
inline bool tiles_serve(const ConvGeometry& g) {
  return g.kernel_h == 3 && g.kernel_w == 3 && g.stride_h == g.stride_w && g.stride_h <= 2;
}

}  // namespace karyon::cuda
