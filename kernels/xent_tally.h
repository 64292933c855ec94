// What CUDA kernels count over pixels for the cross-entropy, alone (softmax_xent.cu) or behind the last layer
// (head_xent.cu). Internal to them.
// Invariant: threads, then blocks are added in a fixed order; loss sums are in double.
#pragma once

#include <limits>

#include "kernels/simt.h"
#include "kernels/softmax_xent.h"

namespace karyon::cuda {

constexpr int kCounts = 4;  // correct, true foreground, predicted foreground, common foreground

/// What a thread or a block has counted. Within a block an int is wide enough.
template <class Count>
struct Tally {
  double loss = 0;
  Count counts[kCounts] = {};

  __device__ void add_pixel(int label, int predicted, float pixel_loss) {
    loss += static_cast<double>(pixel_loss);
    counts[0] += predicted == label ? 1 : 0;
    counts[1] += label > 0 ? 1 : 0;
    counts[2] += predicted > 0 ? 1 : 0;
    counts[3] += label > 0 && predicted > 0 ? 1 : 0;
  }
  template <class Other>
  __device__ void add(const Tally<Other>& other) {
    loss += other.loss;
#pragma unroll
    for (int k = 0; k < kCounts; ++k) counts[k] += other.counts[k];
  }
};
using BlockTally = Tally<int>;

/// The sum over the block, valid in thread 0 alone, behind a single barrier. Scratch, used once: kWarp and kWarp *
/// kCounts elements of shared memory.
template <class Count>
__device__ inline Tally<Count> sum_over_block(const Tally<Count>& mine, double* losses, Count* counts) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const double loss = warp_sum(mine.loss);
  if (lane == 0) losses[warp] = loss;
#pragma unroll
  for (int k = 0; k < kCounts; ++k) {
    const Count count = warp_sum(mine.counts[k]);
    if (lane == 0) counts[warp * kCounts + k] = count;
  }
  __syncthreads();
  Tally<Count> sum;
  if (threadIdx.x != 0) return sum;
  for (int i = 0; i < static_cast<int>(blockDim.x) / kWarp; ++i) {
    sum.loss += losses[i];
#pragma unroll
    for (int k = 0; k < kCounts; ++k) sum.counts[k] += counts[i * kCounts + k];
  }
  return sum;
}

/// The logit of a label that is no class: it makes the whole sum of losses NaN.
__device__ inline float no_logit() { return std::numeric_limits<float>::quiet_NaN(); }

/// A pixel of any number of classes. d may be z, or null.
__device__ inline void take_pixel(const float* z, int classes, int label, float* d, float scale, BlockTally& tally) {
  int best = 0;
  float most = z[0];
  for (int k = 1; k < classes; ++k) {
    if (z[k] > most) {
      best = k;
      most = z[k];
    }
  }
  const float of_label = label < classes ? z[label] : no_logit();
  float sum = 0.0F;
  for (int k = 0; k < classes; ++k) sum += k == best ? 1.0F : expf(z[k] - most);
  tally.add_pixel(label, best, logf(sum) + (most - of_label));
  if (d == nullptr) return;
  const float inverse = 1.0F / sum;
  for (int k = 0; k < classes; ++k) {
    const float probability = (k == best ? 1.0F : expf(z[k] - most)) * inverse;
    d[k] = (probability - (k == label ? 1.0F : 0.0F)) * scale;
  }
}

/// *counts = the sum of the blocks' tallies of all pixels, in a fixed order. Queued.
void finish_xent(const Stream& stream, int blocks, const BlockTally* partial, std::int64_t pixels, XentCounts* counts);

}  // namespace karyon::cuda
