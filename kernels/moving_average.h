// An exponential moving average of weights (Polyak and Juditsky 1992; Keras's use_ema):
//   average[i] = keep * average[i] + (1 - keep) * values[i]
// Layout: dense, one float each. Aliasing: none allowed; in place on average. No backward.
#pragma once

#include "kernels/op.h"

namespace karyon {

/// keep: one float in the stream's device memory, in [0, 1); where it is 0 the average becomes the values exactly.
KERNEL(moving_average, (Stream & stream, std::int64_t count, const float* values, const float* keep, float* average))

}  // namespace karyon
