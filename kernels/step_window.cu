// The step's window on CUDA: a few numbers, so one block.
// Invariant: every thread has read *position before one of them advances it.
#include <cmath>

#include "kernels/simt.h"
#include "kernels/step_window.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 128;

__global__ void take_next_step(const std::int32_t* order, const std::uint8_t* all_flips, const AdamRate* rates,
                               int count, int stride, std::int32_t* position, std::int32_t* index, std::uint8_t* flips,
                               AdamRate* rate) {
  const std::int32_t now = *position;
  __syncthreads();
  const std::int64_t begin = std::int64_t{now} * stride;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
    index[i] = order[begin + i];
    flips[i] = all_flips[begin + i];
  }
  if (threadIdx.x == 0) {
    *rate = rates[now];
    *position = now + 1;
  }
}

__global__ void add_step_counts(const XentCounts* step, EpochCounts* total) {
  if (threadIdx.x != 0) return;  // no barrier follows
  XentCounts& sum = total->sum;
  sum.loss_sum += step->loss_sum;
  sum.pixels += step->pixels;
  sum.correct += step->correct;
  sum.true_foreground += step->true_foreground;
  sum.predicted_foreground += step->predicted_foreground;
  sum.common_foreground += step->common_foreground;
  if (total->bad_step < 0 && !std::isfinite(step->loss_sum)) total->bad_step = total->steps;
  total->steps += 1;
}

}  // namespace

void next_step(Stream& stream, const std::int32_t* order, const std::uint8_t* all_flips, const AdamRate* rates,
               int count, int stride, std::int32_t* position, std::int32_t* index, std::uint8_t* flips,
               AdamRate* rate) {
  KARYON_CHECK(count <= stride, "a step has no more images than a full one");
  LAUNCH(take_next_step, 1, kThreads, stream, order, all_flips, rates, count, stride, position, index, flips, rate);
}

void count_step(Stream& stream, const XentCounts* step, EpochCounts* total) {
  LAUNCH(add_step_counts, 1, kWarp, stream, step, total);
}

}  // namespace karyon::cuda
