// Adam on CUDA: one launch over the whole flat block, a thread moves 16 bytes of each array, or one number where an
// array does not begin at a multiple of 16 bytes.
// Invariant: the step size is read from device memory when the kernel runs, not when it is launched, so a captured
// launch serves every step.
#include "kernels/adam.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;

/// What every number of a line is updated with.
struct AdamFactors {
  float gradient, alpha, decay, keep1, keep2, epsilon;
};

/// The `count` numbers that begin at i, all of one line.
template <int count>
__device__ inline void update(std::int64_t i, const AdamFactors& factors, const float* g, float* w, float* m,
                              float* v) {
  float gradient[count], weight[count], mean[count], square[count];
  load<count>(g + i, gradient);
  load<count>(w + i, weight);
  load<count>(m + i, mean);
  load<count>(v + i, square);
#pragma unroll
  for (int k = 0; k < count; ++k) {
    const float scaled = gradient[k] * factors.gradient;
    mean[k] += (scaled - mean[k]) * factors.keep1;
    square[k] += (scaled * scaled - square[k]) * factors.keep2;
    weight[k] -= factors.alpha * mean[k] / (sqrtf(square[k]) + factors.epsilon) + factors.decay * weight[k];
  }
  store<count>(w + i, weight);
  store<count>(m + i, mean);
  store<count>(v + i, square);
}

template <int width>
__global__ void adam_update(std::int64_t count, const float* g, AdamSettings settings, const AdamRate* rate,
                            const float* gradient_factor, const LineFactors* lines, float* w, float* m, float* v) {
  const AdamRate now = *rate;
  const float factor = gradient_factor == nullptr ? 1.0F : *gradient_factor;
  const auto factors_at = [&](std::int64_t i) -> AdamFactors {
    const LineFactors line = lines == nullptr ? LineFactors{} : lines[i / kAdamLine];
    return {factor,
            now.step_size * line.rate,
            now.decay * line.decay,
            1.0F - settings.beta1,
            1.0F - settings.beta2,
            settings.epsilon};
  };
  const std::int64_t groups = count / width, step = std::int64_t{gridDim.x} * blockDim.x;
  const std::int64_t thread = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  for (std::int64_t group = thread; group < groups; group += step) {
    update<width>(group * width, factors_at(group * width), g, w, m, v);
  }
  // The fewer than `width` numbers behind the last group.
  const std::int64_t rest = groups * width + thread;
  if (rest < count) update<1>(rest, factors_at(rest), g, w, m, v);
}

bool begins_at_vector(const float* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; }

}  // namespace

void adam_step(Stream& stream, std::int64_t count, const float* g, const AdamSettings& settings, const AdamRate* rate,
               const float* gradient_factor, const LineFactors* lines, float* w, float* m, float* v) {
  constexpr int kWide = kVector<float>;
  static_assert(kAdamLine % kWide == 0, "a thread's numbers share a line");
  if (begins_at_vector(g) && begins_at_vector(w) && begins_at_vector(m) && begins_at_vector(v)) {
    LAUNCH(adam_update<kWide>, blocks_for(count / kWide, kThreads), kThreads, stream, count, g, settings, rate,
           gradient_factor, lines, w, m, v);
  } else {
    LAUNCH(adam_update<1>, blocks_for(count, kThreads), kThreads, stream, count, g, settings, rate, gradient_factor,
           lines, w, m, v);
  }
}

}  // namespace karyon::cuda
