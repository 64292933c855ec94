// Matrix products on the tensor cores: how a block of four warps makes one tile of C = A B, from global memory through
// shared memory to the sums and out again.
// Invariant: numbers stored as T multiply as bf16 (Bfloat16) or TF32 (float) and are rounded to that once, on their way
// into shared memory; sums are float. Along the products' common index k a block walks in chunks of 64 bytes: while a
// chunk is multiplied the next one is on its way into registers, then goes to the other of two buffers. The order of
// adding is fixed.
#pragma once

#include <mma.h>

#include "kernels/simt.h"

namespace karyon::cuda::tensor {

namespace wmma = nvcuda::wmma;

constexpr int kThreads = 4 * kWarp;  // warps 2 x 2
constexpr int kColumns = 64;         // of a block's tile
constexpr int kWarpColumns = 32;     // of a warp's part of it
constexpr int kSide = 16;            // of a fragment
constexpr int kStagePitch = kWarpColumns + 4;
constexpr int kStage = kThreads / kWarp * kSide * kStagePitch;  // floats of shared memory that write_out() needs

/// Rows of a block's tile, of which each warp has `rows` fragments.
constexpr int tile_rows(int rows) { return 2 * rows * kSide; }

/// Numbers of T along k that a block takes at once.
template <class T>
constexpr int kChunk = 64 / static_cast<int>(sizeof(T));

/// How the tensor cores take numbers that are stored as T.
template <class T>
struct Number;
template <>
struct Number<Bfloat16> {
  using Fragment = __nv_bfloat16;
  using Memory = __nv_bfloat16;
  static constexpr int kDepth = 16;  // of a fragment along k
};
template <>
struct Number<float> {
  using Fragment = wmma::precision::tf32;
  using Memory = float;
  static constexpr int kDepth = 8;
};

/// Whether the stream multiplies numbers stored as T on the tensor cores.
template <class T>
bool multiplies(const Stream& stream) {
  return std::is_same_v<T, Bfloat16> || stream.float32_math() == Float32Math::tf32;
}

inline bool aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; }

/// Whether the view's pixels are whole pieces, the 16 bytes of T in shared memory that a thread brings at once.
template <class T, class Source>
bool in_pieces(const View<Source>& view) {
  return view.c % kVector<T> == 0 && in_vectors_of(view, kVector<std::remove_const_t<Source>>);
}

/// A chunk of an operand in shared memory: element (i, k) of `extent` rows of A or columns of B. Lines follow what is
/// contiguous in global memory: k (k_inner) or i. The pitch spreads the lines that a fragment is read from over the
/// banks.
template <class T, int extent, bool k_inner>
struct Tile {
  static constexpr bool kInner = k_inner;
  static constexpr int kLines = k_inner ? extent : kChunk<T>;
  static constexpr int kWidth = k_inner ? kChunk<T> : extent;
  static constexpr int kPitch = kWidth + (k_inner ? kVector<T> : 8);
  static constexpr int kSize = kLines * kPitch;
  static constexpr int kPiecesALine = kWidth / kVector<T>;
  static constexpr int kPieces = kLines * kPiecesALine / kThreads;  // that each thread brings

  static __device__ int at(int i, int k) { return k_inner ? i * kPitch + k : k * kPitch + i; }
  /// Where the thread's piece number `piece` begins.
  static __device__ int line(int piece) {
    return static_cast<int>(threadIdx.x) / kPiecesALine + piece * (kThreads / kPiecesALine);
  }
  static __device__ int column() { return static_cast<int>(threadIdx.x) % kPiecesALine * kVector<T>; }
};

/// Where a piece of a tile lies in global memory, aligned to 16 bytes, if it is not outside, which means zeros.
template <class Source>
struct Place {
  const Source* p;
  bool inside;
};

/// 16 bytes of a tile of T on their way there: as they are stored in global memory, so that nothing waits for them.
template <class Source, class T>
class Piece {
 public:
  __device__ void take(const Place<Source>& from) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      vectors_[i] = from.inside ? load_vector(from.p + i * kVector<Source>) : Vector<Source>{};
    }
  }
  __device__ void put(T* shared) const {
    if constexpr (std::is_same_v<Source, Bfloat16>) {
      store_vector(shared, vectors_[0]);
    } else {
      Vector<T> rounded;
#pragma unroll
      for (int i = 0; i < kVector<T>; ++i) {
        const float value = vectors_[i / kVector<float>].part[i % kVector<float>];
        if constexpr (std::is_same_v<T, Bfloat16>) {
          rounded.part[i] = from_float<Bfloat16>(value);
        } else {
          rounded.part[i] = wmma::__float_to_tf32(value);
        }
      }
      store_vector(shared, rounded);
    }
  }

 private:
  static_assert(std::is_same_v<Source, T> || std::is_same_v<Source, float>);
  static constexpr int kCount = static_cast<int>(sizeof(Source) / sizeof(T));
  Vector<Source> vectors_[kCount];
};

/// The warp's part of the block's tile of C.
template <class T, int rows>
struct Sums {
  wmma::fragment<wmma::accumulator, kSide, kSide, Number<T>::kDepth, float> part[rows][2];

  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < rows; ++i) {
#pragma unroll
      for (int j = 0; j < 2; ++j) wmma::fill_fragment(part[i][j], 0.0F);
    }
  }
  static __device__ int first_row() { return static_cast<int>(threadIdx.x) / kWarp / 2 * rows * kSide; }
  static __device__ int first_column() { return static_cast<int>(threadIdx.x) / kWarp % 2 * kWarpColumns; }
};

/// sums += a b for one chunk.
template <class ATile, class BTile, class T, int rows>
__device__ inline void multiply_chunk(const T* a, const T* b, Sums<T, rows>& sums) {
  using N = Number<T>;
  using ALayout = std::conditional_t<ATile::kInner, wmma::row_major, wmma::col_major>;
  using BLayout = std::conditional_t<BTile::kInner, wmma::col_major, wmma::row_major>;
  const auto* a_numbers = reinterpret_cast<const typename N::Memory*>(a) + ATile::at(sums.first_row(), 0);
  const auto* b_numbers = reinterpret_cast<const typename N::Memory*>(b) + BTile::at(sums.first_column(), 0);
#pragma unroll
  for (int k = 0; k < kChunk<T>; k += N::kDepth) {
    wmma::fragment<wmma::matrix_a, kSide, kSide, N::kDepth, typename N::Fragment, ALayout> left[rows];
    wmma::fragment<wmma::matrix_b, kSide, kSide, N::kDepth, typename N::Fragment, BLayout> right[2];
#pragma unroll
    for (int i = 0; i < rows; ++i) wmma::load_matrix_sync(left[i], a_numbers + ATile::at(i * kSide, k), ATile::kPitch);
#pragma unroll
    for (int j = 0; j < 2; ++j) wmma::load_matrix_sync(right[j], b_numbers + BTile::at(j * kSide, k), BTile::kPitch);
#pragma unroll
    for (int i = 0; i < rows; ++i) {
#pragma unroll
      for (int j = 0; j < 2; ++j) wmma::mma_sync(sums.part[i][j], left[i], right[j], sums.part[i][j]);
    }
  }
}

/// sums += A B over `chunks` chunks. operands says where a chunk's pieces lie: a(i) and b(i) are the Places of the
/// thread's pieces number i, and next() goes on to the next chunk. a, b: shared memory for two tiles
/// each. All threads of the block call it; its end is a barrier.
template <class ATile, class BTile, class T, int rows, class Operands>
__device__ inline void multiply(Operands& operands, int chunks, T* a, T* b, Sums<T, rows>& sums) {
  Piece<typename Operands::A, T> a_pieces[ATile::kPieces];
  Piece<typename Operands::B, T> b_pieces[BTile::kPieces];
  const auto take = [&] {
#pragma unroll
    for (int i = 0; i < ATile::kPieces; ++i) a_pieces[i].take(operands.a(i));
#pragma unroll
    for (int i = 0; i < BTile::kPieces; ++i) b_pieces[i].take(operands.b(i));
    operands.next();
  };
  const auto put = [&](int buffer) {
    T* to_a = a + buffer * ATile::kSize + ATile::column();
    T* to_b = b + buffer * BTile::kSize + BTile::column();
#pragma unroll
    for (int i = 0; i < ATile::kPieces; ++i) a_pieces[i].put(to_a + ATile::line(i) * ATile::kPitch);
#pragma unroll
    for (int i = 0; i < BTile::kPieces; ++i) b_pieces[i].put(to_b + BTile::line(i) * BTile::kPitch);
  };
  if (chunks > 0) {
    take();
    put(0);
  }
  __syncthreads();
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const int now = chunk % 2;
    const bool more = chunk + 1 < chunks;
    if (more) take();
    multiply_chunk<ATile, BTile>(a + now * ATile::kSize, b + now * BTile::kSize, sums);
    if (more) put(1 - now);  // last read a round ago, before that round's barrier
    __syncthreads();
  }
}

/// Hands out the block's tile of C in runs of `count` columns: write(row, column, values). stage: kStage floats of
/// shared memory, through which each warp turns its own fragments, whose layout is nobody's business, into rows.
template <int count, class T, int rows, class Write>
__device__ inline void write_out(const Sums<T, rows>& sums, float* stage, const Write& write) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  float* mine = stage + static_cast<int>(threadIdx.x) / kWarp * kSide * kStagePitch;
#pragma unroll
  for (int i = 0; i < rows; ++i) {
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      wmma::store_matrix_sync(mine + j * kSide, sums.part[i][j], kStagePitch, wmma::mem_row_major);
    }
    __syncwarp();
    constexpr int kRunsARow = kWarpColumns / count;
    for (int run = lane; run < kSide * kRunsARow; run += kWarp) {
      const int row = run / kRunsARow, column = run % kRunsARow * count;
      float values[count];
#pragma unroll
      for (int k = 0; k < count; k += 4) {
        float four[4];
        load<4>(mine + row * kStagePitch + column + k, four);
#pragma unroll
        for (int l = 0; l < 4; ++l) values[k + l] = four[l];
      }
      write(sums.first_row() + i * kSide + row, sums.first_column() + column, values);
    }
    __syncwarp();
  }
}

}  // namespace karyon::cuda::tensor
