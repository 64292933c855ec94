// How CUDA kernels that reduce over pixels, channel by channel, are laid over a tensor (internal to kernels/*.cu).
// Invariant: a block is `lanes` groups of neighbouring channels (a group is what one access loads) times `rows` pixels;
// a thread keeps its channels and walks over pixels. The grid depends on the shape alone, so a sum over a block's
// pixels and then over blocks is the same whatever runs first.
#pragma once

#include <algorithm>

#include "kernels/simt.h"

namespace karyon::cuda {

struct ChannelTiles {
  int lanes = 1, rows = 1;  // of a block: its x and y
  int chunks = 1;           // blocks over the pixels: grid x
  int slabs = 1;            // blocks over the channels: grid y

  [[nodiscard]] dim3 grid() const { return {static_cast<unsigned>(chunks), static_cast<unsigned>(slabs)}; }
  [[nodiscard]] dim3 block() const { return {static_cast<unsigned>(lanes), static_cast<unsigned>(rows)}; }
};

constexpr int kTileThreads = 256;
constexpr int kMostChunks = 256;     // partial sums that the second pass adds for a channel
constexpr int kWantedBlocks = 1024;  // several for each of an H100's 132 multiprocessors

/// For `groups` channel groups and `pixels` pixels.
inline ChannelTiles plan_tiles(std::int64_t pixels, int groups) {
  ChannelTiles tiles;
  while (tiles.lanes < kWarp && tiles.lanes < groups) tiles.lanes *= 2;
  tiles.rows = kTileThreads / tiles.lanes;
  tiles.slabs = (groups + tiles.lanes - 1) / tiles.lanes;
  const std::int64_t steps = (pixels + tiles.rows - 1) / tiles.rows;  // if one block walked over all
  const std::int64_t wanted = std::max(1, kWantedBlocks / tiles.slabs);
  tiles.chunks = static_cast<int>(std::min({wanted, std::max<std::int64_t>(1, steps / 4), std::int64_t{kMostChunks}}));
  return tiles;
}

/// Where a thread is: its channel group, its first pixel, and how far it is to the next.
struct TilePlace {
  int group;
  std::int64_t pixel, step;
};

__device__ inline TilePlace tile_place() {
  return {static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x), std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y,
          std::int64_t{gridDim.x} * blockDim.y};
}

/// Pixels that block `chunk` of `chunks` walks over.
__device__ inline std::int64_t pixels_of_chunk(std::int64_t pixels, int chunk, int chunks, int rows) {
  const std::int64_t round = std::int64_t{rows} * chunks, rest = pixels % round - std::int64_t{chunk} * rows;
  return pixels / round * rows + (rest < 0 ? 0 : rest < rows ? rest : rows);
}

/// Adds up the values of the threads with the same channels, in a fixed order: the sums are valid where threadIdx.y is
/// 0. scratch: a SHARED array of kTileThreads * count. All threads of the block call it; after its last barrier scratch
/// may be used again.
template <int count>
__device__ inline void sum_over_rows(float (&values)[count], float* scratch) {
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
#pragma unroll
  for (int k = 0; k < count; ++k) scratch[k * kTileThreads + thread] = values[k];
  for (int rows = static_cast<int>(blockDim.y) / 2; rows > 0; rows /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.y) >= rows) continue;
    const int other = thread + rows * static_cast<int>(blockDim.x);
#pragma unroll
    for (int k = 0; k < count; ++k) scratch[k * kTileThreads + thread] += scratch[k * kTileThreads + other];
  }
#pragma unroll
  for (int k = 0; k < count; ++k) values[k] = scratch[k * kTileThreads + thread];
  __syncthreads();
}

}  // namespace karyon::cuda
