// Packing on CUDA: a kernel is a matrix with a row for each tap and input channel and a column for each output channel,
// and packing transposes it. A block takes a tile of it through shared memory, so that both sides are read and written
// along their fast dimension.
#include "kernels/copy.h"
#include "kernels/pack_kernel.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kTile = 32, kRows = 8;
constexpr int kPitch = kTile + 1;  // neighbouring rows of the tile start in different banks

/// Where row `row` (tap and input channel) of Karyon's kernel lies in the packed kernel of one output channel.
__device__ inline std::int64_t place_in_packed(const KernelPacking& p, int row) {
  const int tap = row / p.in, channel = row % p.in;
  const int packed_tap = (tap / p.kernel_w + p.top) * p.packed_w + tap % p.kernel_w + p.left;
  return std::int64_t{packed_tap} * p.in + channel;
}

template <class T>
__global__ void pack_kernel_tiles(const float* hwio, KernelPacking p, T* packed) {
  SHARED(float, tile, kTile* kPitch);
  const int rows = p.kernel_h * p.kernel_w * p.in, packed_rows = p.packed_h * p.packed_w * p.in;
  const int first_row = static_cast<int>(blockIdx.x) * kTile, first_out = static_cast<int>(blockIdx.y) * kTile;
  const int x = static_cast<int>(threadIdx.x);
  for (int y = static_cast<int>(threadIdx.y); y < kTile; y += kRows) {
    if (first_row + y < rows && first_out + x < p.out) {
      tile[y * kPitch + x] = hwio[std::int64_t{first_row + y} * p.out + first_out + x];
    }
  }
  __syncthreads();
  if (first_row + x >= rows) return;
  const std::int64_t place = place_in_packed(p, first_row + x);
  for (int y = static_cast<int>(threadIdx.y); y < kTile && first_out + y < p.out; y += kRows) {
    packed[std::int64_t{first_out + y} * packed_rows + place] = from_float<T>(tile[x * kPitch + y]);
  }
}

__global__ void unpack_kernel_tiles(const float* packed, KernelPacking p, float* hwio) {
  SHARED(float, tile, kTile* kPitch);
  const int rows = p.kernel_h * p.kernel_w * p.in, packed_rows = p.packed_h * p.packed_w * p.in;
  const int first_row = static_cast<int>(blockIdx.x) * kTile, first_out = static_cast<int>(blockIdx.y) * kTile;
  const int x = static_cast<int>(threadIdx.x);
  if (first_row + x < rows) {
    const std::int64_t place = place_in_packed(p, first_row + x);
    for (int y = static_cast<int>(threadIdx.y); y < kTile && first_out + y < p.out; y += kRows) {
      tile[x * kPitch + y] = packed[std::int64_t{first_out + y} * packed_rows + place];
    }
  }
  __syncthreads();
  for (int y = static_cast<int>(threadIdx.y); y < kTile; y += kRows) {
    if (first_row + y < rows && first_out + x < p.out) {
      hwio[std::int64_t{first_row + y} * p.out + first_out + x] = tile[y * kPitch + x];
    }
  }
}

/// A block for each tile.
dim3 tiles(const KernelPacking& p) {
  const int rows = p.kernel_h * p.kernel_w * p.in;
  return {static_cast<unsigned>((rows + kTile - 1) / kTile), static_cast<unsigned>((p.out + kTile - 1) / kTile)};
}

void check_packing(const KernelPacking& p) {
  KARYON_CHECK(p.top >= 0 && p.left >= 0 && p.top + p.kernel_h <= p.packed_h && p.left + p.kernel_w <= p.packed_w,
               "a kernel lies inside its packed form");
}

}  // namespace

template <class T>
void pack_kernel(Stream& stream, const float* hwio, const KernelPacking& packing, T* packed) {
  check_packing(packing);
  if (packing.larger()) clear(stream, packed, static_cast<std::size_t>(packing.packed_size()) * sizeof(T));
  LAUNCH(pack_kernel_tiles<T>, tiles(packing), dim3(kTile, kRows), stream, hwio, packing, packed);
}
template void pack_kernel<float>(Stream&, const float*, const KernelPacking&, float*);
template void pack_kernel<Bfloat16>(Stream&, const float*, const KernelPacking&, Bfloat16*);

void unpack_kernel(Stream& stream, const float* packed, const KernelPacking& packing, float* hwio) {
  check_packing(packing);
  LAUNCH(unpack_kernel_tiles, tiles(packing), dim3(kTile, kRows), stream, packed, packing, hwio);
}

}  // namespace karyon::cuda
