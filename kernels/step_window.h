// The small inputs of a training step out of an epoch's, found by a position that lies on the device: so a step that
// was captured once takes the next images, flips and step size each time it is played back.
//   next_step:  p = *position;  index[i] = order[p * stride + i], flips[i] = all_flips[p * stride + i] for i < count,
//               *rate = rates[p];  *position = p + 1
//   count_step: total.sum += step, field by field; total.bad_step notes the first step whose loss is not finite
// Layouts: dense, all of it in the stream's device memory. Aliasing: none allowed. No backward: inputs.
#pragma once

#include "kernels/adam.h"
#include "kernels/softmax_xent.h"

namespace karyon {

/// What the steps of an epoch counted together.
struct EpochCounts {
  XentCounts sum;
  std::int64_t steps = 0;
  std::int64_t bad_step = -1;  // the first, from 0, whose loss was not finite; -1: none
};

/// count <= stride: images in the step and in a full one.
KERNEL(next_step,
       (Stream & stream, const std::int32_t* order, const std::uint8_t* all_flips, const AdamRate* rates, int count,
        int stride, std::int32_t* position, std::int32_t* index, std::uint8_t* flips, AdamRate* rate))
KERNEL(count_step, (Stream & stream, const XentCounts* step, EpochCounts* total))

}  // namespace karyon
