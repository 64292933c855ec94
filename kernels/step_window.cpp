// The step's window on the CPU: a few numbers, so one thread.
#include "kernels/step_window.h"

#include <algorithm>
#include <cmath>

namespace karyon::cpu {

void next_step(Stream& /*stream*/, const std::int32_t* order, const std::uint8_t* all_flips, const AdamRate* rates,
               int count, int stride, std::int32_t* position, std::int32_t* index, std::uint8_t* flips,
               AdamRate* rate) {
  KARYON_CHECK(count <= stride, "a step has no more images than a full one");
  const std::int64_t begin = std::int64_t{*position} * stride;
  std::copy_n(order + begin, count, index);
  std::copy_n(all_flips + begin, count, flips);
  *rate = rates[*position];
  *position += 1;
}

void count_step(Stream& /*stream*/, const XentCounts* step, EpochCounts* total) {
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

}  // namespace karyon::cpu
