// The gradients' norm on CUDA, in two passes: every block adds the squares of its share, then one block adds the
// blocks' sums. Invariant: the shares and all orders of adding follow from the count alone, so the bits do.
#include <cmath>
#include <limits>

#include "kernels/gradient_norm.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMostBlocks = 256;

__global__ void add_squares(std::int64_t count, const float* g, double* partial) {
  SHARED(double, scratch, kWarp);
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  double sum = 0;
#pragma unroll 4
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    const auto gradient = static_cast<double>(g[i]);
    sum += gradient * gradient;
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

/// One block: thread t adds the partial sums t, t + threads, ... and the block adds those.
__global__ void finish_norm(int blocks, const double* partial, float limit, GradientNorm* result) {
  SHARED(double, scratch, kWarp);
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < blocks; i += static_cast<int>(blockDim.x)) sum += partial[i];
  sum = block_sum(sum, scratch);
  if (threadIdx.x != 0) return;  // no barrier follows
  const double norm = sqrt(sum), most = static_cast<double>(limit);
  result->norm = norm;
  result->factor = !std::isfinite(norm) ? std::numeric_limits<float>::quiet_NaN()
                   : norm > most        ? static_cast<float>(most / norm)
                                        : 1.0F;
}

}  // namespace

void gradient_norm(Stream& stream, std::int64_t count, const float* g, float limit, GradientNorm* result) {
  const unsigned blocks = blocks_for(count, kThreads, kMostBlocks);
  auto* partial = stream.workspace<double>(blocks);
  LAUNCH(add_squares, blocks, kThreads, stream, count, g, partial);
  LAUNCH(finish_norm, 1, kThreads, stream, static_cast<int>(blocks), partial, limit, result);
}

}  // namespace karyon::cuda
