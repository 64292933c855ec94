// The moving average of weights on CUDA: a thread takes one number at a time; neighbours read neighbours, so a warp's
// accesses are whole lines.
#include "kernels/moving_average.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;

__global__ void average_values(std::int64_t count, const float* values, const float* keep, float* average) {
  const float kept = *keep, take = 1.0F - kept;
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    average[i] = kept * average[i] + take * values[i];
  }
}

}  // namespace

void moving_average(Stream& stream, std::int64_t count, const float* values, const float* keep, float* average) {
  LAUNCH(average_values, blocks_for(count, kThreads), kThreads, stream, count, values, keep, average);
}

}  // namespace karyon::cuda
