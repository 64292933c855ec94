#include "tests/bench_peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "kernels/parallel.h"
#include "kernels/simd.h"

namespace karyon::testing {

namespace {

constexpr std::int64_t kSteps = 1 << 20;
constexpr int kRepetitions = 20;

/// `count` independent chains, each a multiply-add behind the other: enough of them hide the latency, more than there
/// are registers would go to memory.
template <int count>
KARYON_INLINE float multiply_add(float factor, float addend) {
  Vec16 chains[count], a = Vec16{} + factor, b = Vec16{} + addend;
  for (int i = 0; i < count; ++i) chains[i] = b * static_cast<float>(i);
  for (std::int64_t step = 0; step < kSteps; ++step) {
#pragma GCC unroll 16
    for (int i = 0; i < count; ++i) chains[i] = chains[i] * a + b;
  }
  for (int i = 1; i < count; ++i) chains[0] += chains[i];
  float sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += chains[0][lane];
  return sum;
}

// 12 of 32 AVX-512 registers, 12 of 16 AVX2 ones, 12 of 16 SSE ones.
KARYON_CLONES float twelve_chains(float factor, float addend) { return multiply_add<12>(factor, addend); }
KARYON_CLONES float six_chains(float factor, float addend) { return multiply_add<6>(factor, addend); }
KARYON_CLONES float three_chains(float factor, float addend) { return multiply_add<3>(factor, addend); }

double best_rate(const Stream& stream, int chains, float (*run)(float, float)) {
  std::atomic<float> result = 0;  // so that the work is not left out
  double best = 0;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    const auto start = std::chrono::steady_clock::now();
    parallel_ranges(stream, stream.threads(),
                    [&](std::int64_t, std::int64_t) { result.store(run(0.999F, 0.001F), std::memory_order_relaxed); });
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * kSteps * chains * kLanes * stream.threads() / elapsed.count());
  }
  return best;
}

}  // namespace

double peak_flops(const Stream& stream) {
  return std::max(
      {best_rate(stream, 12, twelve_chains), best_rate(stream, 6, six_chains), best_rate(stream, 3, three_chains)});
}

}  // namespace karyon::testing
