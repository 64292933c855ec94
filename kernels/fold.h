// Batch norm multiplied into the convolution before it, for inference.
//   scale[c] = gamma[c] / sqrt(moving_variance[c] + epsilon)
//   folded[i] = kernel[i] * scale[c(i)],  bias[c] = beta[c] - moving_mean[c] * scale[c]
// Layouts: kernel dense, [outer, channels, inner] whatever its dimensions are called; vectors [channels]. Aliasing:
// none allowed. No backward: training never sees a folded kernel.
#pragma once

#include "kernels/op.h"

namespace karyon {

KERNEL(fold_batch_norm, (Stream & stream, std::int64_t outer, int channels, std::int64_t inner, const float* kernel,
                         const float* gamma, const float* beta, const float* moving_mean, const float* moving_variance,
                         float epsilon, float* folded, float* bias))

}  // namespace karyon
