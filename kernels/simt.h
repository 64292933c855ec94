// The whole device vocabulary: what a .cu file of Karyon may use beside plain C++.
// Invariant: the same .cu file is compiled by nvcc for the GPU and by g++ against the SIMT machine in tests/simt, so a
// kernel keeps these rules:
// 1. Only this header's vocabulary: LAUNCH(kernel, ...), never <<<>>>; no inline PTX, cp.async, cooperative groups,
// CUB,
//    textures, atomics or printf. Tensor cores through nvcuda::wmma (mma.h) alone, in a variant beside a SIMT twin.
// 2. Predicates guard the work; no return before a barrier or a warp operation unless the whole warp does. Shuffles are
//    full-warp; block sizes are multiples of 32.
// 3. No lock-step assumptions; every exchange passes a barrier or a shuffle.
// 4. Blocks are independent; nothing depends on their order.
// 5. Grid-stride loops; block size is a parameter, so tests use small grids. Arguments are trivially copyable.
// 6. Shared memory only through SHARED, as flat arrays (under g++ each is a heap block filled with NaN); 48 KB at most.
//    Access to 4 to 16 bytes at once only through load/store and their vector twins below, which assert alignment.
// 7. Arithmetic in float; no global fast-math; fast intrinsics by name.
#pragma once

#include <cstdint>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "kernels/cuda_check.h"
#include "kernels/stream.h"
#include "kernels/view.h"

#ifdef KARYON_SIMT
// Each array is a heap block of its own, so that AddressSanitizer sees an overrun; __COUNTER__ tells the arrays apart.
#define SHARED(type, name, count) type* name = ::karyon::simt::shared_array<type>(__COUNTER__, (count))
#define DEVICE_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::karyon::simt::fail_kernel("assertion " #condition " does not hold"))
#else
/// An array in the block's shared memory: uninitialised, aligned to 32 bytes, as the tensor cores' fragments need it.
/// To be declared outside of conditions.
#define SHARED(type, name, count) __shared__ __align__(32) type name[count]
#define DEVICE_ASSERT(condition) static_cast<void>(0)
#endif

namespace karyon {

constexpr int kWarp = 32;
constexpr unsigned kFullWarp = 0xffffffffU;

/// LAUNCH(kernel, grid, block, stream, arguments...): kernel<<<grid, block>>>(arguments...) on the stream, checked;
/// KARYON_SYNC=1 also waits for it, so that a fault is reported by the kernel that made it. A kernel with several
/// template arguments stands in parentheses: LAUNCH((copy<T, 4>), ...).
#define LAUNCH(kernel, grid, block, stream, ...) ::karyon::launch(#kernel, kernel, grid, block, stream, __VA_ARGS__)

template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, const Stream& stream,
            const Arguments&... arguments) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "a kernel's arguments are copied byte by byte");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;  // nothing to do
#ifdef KARYON_SIMT
  simt::name_launch(name);
#endif
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = stream.cuda();
  cuda::check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), name, __FILE__, __LINE__);
  if (stream.synchronous()) cuda::check(cudaStreamSynchronize(stream.cuda()), name, __FILE__, __LINE__);
}

/// Blocks of `per_block` threads or items for `count`, at least 1 and at most `most`: a grid-stride loop does the rest.
inline unsigned blocks_for(std::int64_t count, int per_block, std::int64_t most = 65535) {
  const std::int64_t blocks = (count + per_block - 1) / per_block;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks > most ? most : blocks);
}

// ---- storage types --------------------------------------------------------------------------------------------------

__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(Bfloat16 value) { return __bfloat162float(__ushort_as_bfloat16(value.bits)); }

template <class T>
__device__ inline T from_float(float value) {
  if constexpr (std::is_same_v<T, Bfloat16>) {
    return {__bfloat16_as_ushort(__float2bfloat16_rn(value))};
  } else {
    return value;
  }
}

/// Elements of T in 16 bytes: 4 floats, 8 Bfloat16s.
template <class T>
constexpr int kVector = 16 / static_cast<int>(sizeof(T));

/// `count` elements in one access, as floats. p is aligned to count * sizeof(T), a power of two up to 16 bytes.
template <int count, class T>
__device__ inline void load(const T* p, float (&values)[count]) {
  constexpr int bytes = count * static_cast<int>(sizeof(T));
  static_assert(bytes == 2 || bytes == 4 || bytes == 8 || bytes == 16, "one access");
  DEVICE_ASSERT(reinterpret_cast<std::uintptr_t>(p) % bytes == 0);
  struct alignas(bytes) Block {
    T part[count];
  };
  const Block block = *reinterpret_cast<const Block*>(p);
#pragma unroll
  for (int i = 0; i < count; ++i) values[i] = to_float(block.part[i]);
}

template <int count, class T>
__device__ inline void store(T* p, const float (&values)[count]) {
  constexpr int bytes = count * static_cast<int>(sizeof(T));
  static_assert(bytes == 2 || bytes == 4 || bytes == 8 || bytes == 16, "one access");
  DEVICE_ASSERT(reinterpret_cast<std::uintptr_t>(p) % bytes == 0);
  struct alignas(bytes) Block {
    T part[count];
  };
  Block block;
#pragma unroll
  for (int i = 0; i < count; ++i) block.part[i] = from_float<T>(values[i]);
  *reinterpret_cast<Block*>(p) = block;
}

/// 16 bytes on their way from one place to another, as they are stored.
template <class T>
struct alignas(16) Vector {
  T part[kVector<T>];
};
template <class T>
__device__ inline Vector<T> load_vector(const T* p) {
  DEVICE_ASSERT(reinterpret_cast<std::uintptr_t>(p) % 16 == 0);
  return *reinterpret_cast<const Vector<T>*>(p);
}
template <class T>
__device__ inline void store_vector(T* p, const Vector<T>& vector) {
  DEVICE_ASSERT(reinterpret_cast<std::uintptr_t>(p) % 16 == 0);
  *reinterpret_cast<Vector<T>*>(p) = vector;
}

/// Whether every pixel of the view can be read in accesses of `count` elements.
template <class T>
bool in_vectors_of(const View<T>& view, int count) {
  return view.data == nullptr ||
         (view.c % count == 0 && view.pitch % count == 0 &&
          reinterpret_cast<std::uintptr_t>(view.data) % (static_cast<std::size_t>(count) * sizeof(T)) == 0);
}

// ---- reductions -----------------------------------------------------------------------------------------------------

/// The sum over the warp, in every lane; the order of adding is fixed.
template <class T>
__device__ inline T warp_sum(T value) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(kFullWarp, value, distance);
  return value;
}

/// The sum over a block of blockDim.x threads, valid in thread 0 alone. `scratch`: a SHARED array of kWarp elements.
/// All threads of the block call it; it ends with a barrier, after which scratch may be used again.
template <class T>
__device__ inline T block_sum(T value, T* scratch) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  value = warp_sum(value);
  if (lane == 0) scratch[warp] = value;
  __syncthreads();
  T total = 0;
  if (threadIdx.x == 0) {
    for (int i = 0; i < static_cast<int>(blockDim.x) / kWarp; ++i) total += scratch[i];
  }
  __syncthreads();
  return total;
}

// ---- activations ----------------------------------------------------------------------------------------------------

__device__ inline float activate(Activation act, float value) {
  if (act == Activation::none) return value;
  const float positive = fmaxf(value, 0.0F);
  return act == Activation::relu ? positive : fminf(positive, 6.0F);
}

/// The derivative where the activation's result is y, times dy.
__device__ inline float activation_gradient(Activation act, float dy, float y) {
  if (act == Activation::none) return dy;
  return y > 0.0F && (act == Activation::relu || y < 6.0F) ? dy : 0.0F;
}

}  // namespace karyon
