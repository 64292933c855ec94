// Folding on CUDA: a thread an element of the kernel; those of the first channels write the bias too.
#include "kernels/fold.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;

struct FoldJob {
  std::int64_t outer;
  int channels;
  std::int64_t inner;
  const float *kernel, *gamma, *beta, *moving_mean, *moving_variance;
  float epsilon;
  float *folded, *bias;
};

__global__ void fold_kernel_and_bias(FoldJob job) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  const std::int64_t first = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const auto scale = [&job](std::int64_t c) { return job.gamma[c] / sqrtf(job.moving_variance[c] + job.epsilon); };
  for (std::int64_t i = first; i < job.outer * job.channels * job.inner; i += step) {
    job.folded[i] = job.kernel[i] * scale(i / job.inner % job.channels);
  }
  for (std::int64_t c = first; c < job.channels; c += step) {
    job.bias[c] = job.beta[c] - job.moving_mean[c] * scale(c);
  }
}

}  // namespace

void fold_batch_norm(Stream& stream, std::int64_t outer, int channels, std::int64_t inner, const float* kernel,
                     const float* gamma, const float* beta, const float* moving_mean, const float* moving_variance,
                     float epsilon, float* folded, float* bias) {
  const FoldJob job{outer, channels, inner, kernel, gamma, beta, moving_mean, moving_variance, epsilon, folded, bias};
  LAUNCH(fold_kernel_and_bias, blocks_for(outer * channels * inner, kThreads), kThreads, stream, job);
}

}  // namespace karyon::cuda
