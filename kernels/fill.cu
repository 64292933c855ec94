// Filling on CUDA: a thread an element.
#include "kernels/fill.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;

__global__ void fill_elements(float value, FloatView y) {
  const std::int64_t count = y.size(), step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    y.pixel(i / y.c)[i % y.c] = value;
  }
}

}  // namespace

void fill(Stream& stream, float value, FloatView y) {
  LAUNCH(fill_elements, blocks_for(y.size(), kThreads), kThreads, stream, value, y);
}

}  // namespace karyon::cuda
