#include "tests/bench_peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>

#include "kernels/instruction_set.h"
#include "kernels/parallel.h"

namespace karyon::testing {

namespace {

constexpr std::int64_t kSteps = 1 << 20;
constexpr int kRepetitions = 20;

constexpr int kChains = 12;

/// Independent chains, each a multiply-add behind the other: twelve hide the latency, and with the two operands fit
/// into sixteen registers.
template <class L>
KARYON_INLINE void multiply_add_with(float factor, float addend, float* result) {
  using Vec = typename L::Vec;
  Vec chains[kChains], a = Vec{} + factor, b = Vec{} + addend;
  for (int i = 0; i < kChains; ++i) chains[i] = b * static_cast<float>(i);
  for (std::int64_t step = 0; step < kSteps; ++step) {
    for (Vec& chain : chains) chain = chain * a + b;
  }
  for (int i = 1; i < kChains; ++i) chains[0] += chains[i];
  float sums[L::kCount];
  KARYON_AT(L, sums) = chains[0];
  *result = std::accumulate(sums, sums + L::kCount, 0.0F);
}
KARYON_VERSIONS(multiply_add, (float factor, float addend, float* result), (factor, addend, result))

int lanes() {
  switch (instruction_set()) {
    case InstructionSet::avx512:
      return 16;
    case InstructionSet::avx2:
      return 8;
    default:
      return 4;
  }
}

}  // namespace

double peak_flops(const Stream& stream) {
  std::atomic<float> all = 0;  // so that the work is not left out
  double best = 0;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    const auto start = std::chrono::steady_clock::now();
    parallel_ranges(stream, stream.threads(), [&](std::int64_t, std::int64_t) {
      float result = 0;
      multiply_add(0.999F, 0.001F, &result);
      all.store(result, std::memory_order_relaxed);
    });
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * kSteps * kChains * lanes() * stream.threads() / elapsed.count());
  }
  return best;
}

}  // namespace karyon::testing
