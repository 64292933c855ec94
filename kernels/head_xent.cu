// The last layer and the loss on CUDA: the inputs are read once, logits never leave the tile but to be kept.
// Invariant: as conv_transpose_narrow_tile.h for the sums and xent_tally.h for the counts.
#include "kernels/conv_transpose_narrow_tile.h"
#include "kernels/head_xent.h"
#include "kernels/simt.h"
#include "kernels/xent_tally.h"

namespace karyon::cuda {

namespace {

struct HeadTargets {
  const float* bias;
  const std::uint8_t* labels;
  int n, h, w;
  FloatView logits, dlogits;
  float scale;  // 1 / pixels
};

/// Takes one output pixel: adds the bias to its sums, counts it, and stores what is wanted.
template <int classes>
__device__ inline void take_head_pixel(const HeadTargets& to, int n, int p, int q, float (&z)[classes],
                                       BlockTally& tally) {
  const std::int64_t pixel = (std::int64_t{n} * to.h + p) * to.w + q;
#pragma unroll
  for (int o = 0; o < classes; ++o) z[o] += to.bias != nullptr ? to.bias[o] : 0.0F;
  if (to.logits) {
#pragma unroll
    for (int o = 0; o < classes; ++o) to.logits.pixel(pixel)[o] = z[o];
  }
  float gradient[classes];
  take_pixel(z, classes, to.labels[pixel], gradient, to.scale, tally);
  if (to.dlogits) {
#pragma unroll
    for (int o = 0; o < classes; ++o) to.dlogits.pixel(pixel)[o] = gradient[o];
  }
}

template <class T, int classes, int count>
__global__ void __launch_bounds__(kNarrowThreads)
    head_xent_tiles(NarrowInputs<T> in, HeadTargets to, NarrowGrid grid, BlockTally* partial) {
  SHARED(float, scratch, kNarrowScratch<classes>);
  SHARED(float, weights, kNarrowWeights<classes>);
  SHARED(double, losses, kWarp);
  SHARED(int, counts, kWarp* kCounts);
  const int ti = static_cast<int>(threadIdx.x) / kNarrowSide, tj = static_cast<int>(threadIdx.x) % kNarrowSide;
  const int first_i = static_cast<int>(blockIdx.x) / grid.tiles_w * kNarrowCells - 1;
  const int first_j = static_cast<int>(blockIdx.x) % grid.tiles_w * kNarrowCells - 1;
  BlockTally tally;
  for (int n = static_cast<int>(blockIdx.y); n < to.n; n += static_cast<int>(gridDim.y)) {
    narrow_columns<T, classes, count>(in, n, first_i, first_j, scratch, weights);
    for (int quarter = 0; ti > 0 && tj > 0 && quarter < 4; ++quarter) {
      const int down = quarter / 2, right = quarter % 2;
      const int p = 2 * (first_i + ti) + down - in.crop.top, q = 2 * (first_j + tj) + right - in.crop.left;
      if (p < 0 || p >= to.h || q < 0 || q >= to.w) continue;
      float z[classes];
      narrow_output<classes>(scratch, down, right, z);
      take_head_pixel<classes>(to, n, p, q, z, tally);
    }
    __syncthreads();  // before the next image takes the tile
  }
  const BlockTally sum = sum_over_block(tally, losses, counts);
  if (threadIdx.x == 0) partial[std::int64_t{blockIdx.y} * gridDim.x + blockIdx.x] = sum;
}

template <class T, int classes>
void launch_tiles(Stream& stream, const NarrowInputs<T>& in, const HeadTargets& to, XentCounts* counts) {
  const NarrowGrid grid = narrow_grid(in.first.h, in.first.w);
  const dim3 blocks(static_cast<unsigned>(grid.tiles_h * grid.tiles_w), blocks_for(to.n, 1));
  const int all = static_cast<int>(blocks.x * blocks.y);
  auto* partial = stream.workspace<BlockTally>(all);
  if (narrow_parts_in_vectors(in, kVector<T>)) {
    LAUNCH((head_xent_tiles<T, classes, kVector<T>>), blocks, kNarrowThreads, stream, in, to, grid, partial);
  } else {
    LAUNCH((head_xent_tiles<T, classes, 1>), blocks, kNarrowThreads, stream, in, to, grid, partial);
  }
  finish_xent(stream, all, partial, std::int64_t{to.n} * to.h * to.w, counts);
}

}  // namespace

template <class T>
void head_xent(Stream& stream, std::span<const View<const T>> inputs, const float* kernel, const float* bias,
               const ConvGeometry& geometry, const std::uint8_t* labels, FloatView logits, FloatView dlogits,
               XentCounts* counts) {
  const FloatView result = logits ? logits : dlogits;
  KARYON_CHECK(result && head_xent_takes(geometry, result.c), "logits or their gradient, of a layer that it takes");
  const NarrowInputs<T> in = narrow_inputs(inputs, kernel, geometry.pad);
  KARYON_CHECK(result.n == in.first.n && result.h == geometry.transposed_out_h(in.first.h) &&
                   result.w == geometry.transposed_out_w(in.first.w),
               "a transposed convolution's output has another size than its geometry gives");
  const HeadTargets to{bias,     labels, result.n, result.h,
                       result.w, logits, dlogits,  1.0F / static_cast<float>(result.pixels())};
  if (result.c == 2) {
    launch_tiles<T, 2>(stream, in, to, counts);
  } else {
    launch_tiles<T, 3>(stream, in, to, counts);
  }
}
template void head_xent<float>(Stream&, std::span<const ConstFloatView>, const float*, const float*,
                               const ConvGeometry&, const std::uint8_t*, FloatView, FloatView, XentCounts*);
template void head_xent<Bfloat16>(Stream&, std::span<const View<const Bfloat16>>, const float*, const float*,
                                  const ConvGeometry&, const std::uint8_t*, FloatView, FloatView, XentCounts*);

}  // namespace karyon::cuda
