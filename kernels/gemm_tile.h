// The inner part of a matrix product on CUDA cores: a block multiplies two tiles in shared memory, step by step.
// Invariant: a block of 128 threads has a tile of kRows x 64 sums (kRows is 64 or 128), a thread kRows / 16 rows and 8
// columns of it, in registers. A step adds kDepth products to every sum. Both tiles lie line by line, a line for each
// of the kDepth factors, so that a thread reads its rows and columns in accesses of 16 bytes; while a step is
// multiplied, the numbers of the next are on their way from memory to registers, and then go to the other half of the
// shared memory: one barrier a step.
//
// Where operands lie with the depth innermost (pixels with their channels), a line of the tile is filled by threads
// whose elements come from different lines. tile_index() exchanges groups of 8 elements within a line, by the line's
// number, so that these threads write to different banks.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "kernels/simt.h"

namespace karyon::cuda::gemm {

constexpr int kThreads = 128;  // 16 in a column of the tile, 8 in a row
constexpr int kDepth = 16;
constexpr int kColumns = 64;
constexpr int kThreadColumns = 8;  // two groups of 4, half a tile apart: a warp reads whole lines
template <int kRows>
constexpr int kThreadRows = kRows / 16;
/// Blocks that the registers of a multiprocessor must suffice for.
template <int kRows>
constexpr int kBlocks = kRows == 64 ? 4 : 3;

template <int kRows>
using Sums = float[kThreadRows<kRows>][kThreadColumns];

/// The first of this thread's rows in the block's tile.
template <int kRows>
__device__ inline int thread_row() {
  return static_cast<int>(threadIdx.x) / 8 * kThreadRows<kRows>;
}
/// The first of this thread's columns in group 0 or 1.
__device__ inline int thread_column(int group) {
  return static_cast<int>(threadIdx.x) % 8 * 4 + group * (kColumns / 2);
}

/// Where element i of line k stands in a tile of `size` elements a line.
__device__ inline int tile_index(int size, int k, int i) { return k * size + (i ^ (k / 4 % 4 * 8)); }

/// kVector<T> neighbours in the 16 bytes in which they came from memory. They become floats when they are put into a
/// tile: a conversion beside the load would make the thread wait for it before it multiplies.
template <class T>
struct Packed {
  float words[4];

  /// The first `valid` exist; the rest count as zero. kWide: all or none exist, and they may be read in one access.
  template <bool kWide>
  __device__ void load_valid(const T* p, int valid) {
#pragma unroll
    for (int i = 0; i < 4; ++i) words[i] = 0.0F;
    if constexpr (kWide) {
      if (valid > 0) load<4>(reinterpret_cast<const float*>(p), words);
    } else {
#pragma unroll
      for (int i = 0; i < kVector<T>; ++i) {
        if (i < valid) set(i, p[i]);
      }
    }
  }

  [[nodiscard]] __device__ float operator[](int i) const {
    if constexpr (std::is_same_v<T, float>) {
      return words[i];
    } else {
      const auto pair = std::bit_cast<std::uint32_t>(words[i / 2]);
      return std::bit_cast<float>(i % 2 == 0 ? pair << 16 : pair & 0xffff0000U);
    }
  }

 private:
  __device__ void set(int i, T value) {
    if constexpr (std::is_same_v<T, float>) {
      words[i] = value;
    } else {
      const std::uint32_t half = std::uint32_t{value.bits} << (i % 2 * 16);
      words[i / 2] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(words[i / 2]) | half);
    }
  }
};

/// The first `valid` of four neighbours, the rest zero; in one access if `wide` and all four are valid.
template <class T>
__device__ inline void load_four(const T* p, bool wide, int valid, float (&values)[4]) {
  if (wide && valid >= 4) {
    load<4>(p, values);
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) values[i] = i < valid ? to_float(p[i]) : 0.0F;
  }
}
template <class T>
__device__ inline void store_four(T* p, bool wide, int valid, const float (&values)[4]) {
  if (wide && valid >= 4) {
    store<4>(p, values);
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (i < valid) p[i] = from_float<T>(values[i]);
    }
  }
}

/// Puts neighbours of one line, from element i (a multiple of 4) on.
template <int size, class T>
__device__ inline void put_along(float* tile, int k, int i, const Packed<T>& values) {
#pragma unroll
  for (int part = 0; part < kVector<T>; part += 4) {
    const float four[4] = {values[part], values[part + 1], values[part + 2], values[part + 3]};
    store<4>(tile + tile_index(size, k, i + part), four);
  }
}

/// Puts element i of neighbouring lines, from line k (a multiple of 4) on.
template <int size, class T>
__device__ inline void put_across(float* tile, int k, int i, const Packed<T>& values) {
#pragma unroll
  for (int part = 0; part < kVector<T>; part += 4) {
    float* four = tile + tile_index(size, k + part, i);
#pragma unroll
    for (int line = 0; line < 4; ++line) four[line * size] = values[part + line];
  }
}

/// sums += the products of kDepth lines of both tiles.
template <int kRows>
__device__ inline void add_products(const float* a, const float* b, Sums<kRows>& sums) {
#pragma unroll
  for (int k = 0; k < kDepth; ++k) {
    float left[kThreadRows<kRows>], right[kThreadColumns];
    const float* line = a + tile_index(kRows, k, thread_row<kRows>());
#pragma unroll
    for (int part = 0; part < kThreadRows<kRows>; part += 4) {
      float four[4];
      load<4>(line + part, four);
#pragma unroll
      for (int i = 0; i < 4; ++i) left[part + i] = four[i];
    }
#pragma unroll
    for (int group = 0; group < 2; ++group) {
      float four[4];
      load<4>(b + tile_index(kColumns, k, thread_column(group)), four);
#pragma unroll
      for (int i = 0; i < 4; ++i) right[group * 4 + i] = four[i];
    }
#pragma unroll
    for (int i = 0; i < kThreadRows<kRows>; ++i) {
#pragma unroll
      for (int j = 0; j < kThreadColumns; ++j) sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
    }
  }
}

/// The sums of `steps` steps. operands.fetch() reads the next step's numbers into registers, operands.put(a, b) writes
/// them into tiles. a, b: SHARED arrays of 2 * kDepth * kRows and 2 * kDepth * kColumns floats. All threads call it.
template <int kRows, class Operands>
__device__ inline void multiply(Operands& operands, int steps, float* a, float* b, Sums<kRows>& sums) {
#pragma unroll
  for (int i = 0; i < kThreadRows<kRows>; ++i) {
#pragma unroll
    for (int j = 0; j < kThreadColumns; ++j) sums[i][j] = 0.0F;
  }
  if (steps == 0) return;
  operands.fetch();
  operands.put(a, b);
  __syncthreads();
  for (int step = 1; step <= steps; ++step) {
    const int now = (step - 1) % 2, next = step % 2;
    if (step < steps) operands.fetch();
    add_products<kRows>(a + now * kDepth * kRows, b + now * kDepth * kColumns, sums);
    if (step < steps) operands.put(a + next * kDepth * kRows, b + next * kDepth * kColumns);
    __syncthreads();
  }
}

}  // namespace karyon::cuda::gemm
