// Folding on the CPU: the factors once, then one pass over the kernel.
#include "kernels/fold.h"

#include <cmath>

#include "kernels/parallel.h"

namespace karyon::cpu {

void fold_batch_norm(Stream& stream, std::int64_t outer, int channels, std::int64_t inner, const float* kernel,
                     const float* gamma, const float* beta, const float* moving_mean, const float* moving_variance,
                     float epsilon, float* folded, float* bias) {
  auto* scale = stream.workspace<float>(channels);
  for (int c = 0; c < channels; ++c) {
    scale[c] = gamma[c] / std::sqrt(moving_variance[c] + epsilon);
    bias[c] = beta[c] - moving_mean[c] * scale[c];
  }
  parallel_ranges(stream, outer * channels, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float factor = scale[row % channels];
      for (std::int64_t i = row * inner; i < (row + 1) * inner; ++i) folded[i] = kernel[i] * factor;
    }
  });
}

}  // namespace karyon::cpu
