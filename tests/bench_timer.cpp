#include "tests/bench_timer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "engine/graph.h"
#include "engine/random.h"
#include "kernels/cast.h"
#include "kernels/copy.h"

namespace karyon::testing {

namespace {

constexpr int kPool = 1 << 22;           // numbers, an odd share of which each array begins at
constexpr double kCacheBytes = 192e6;    // three times an H200's L2
constexpr double kSampleSeconds = 2e-3;  // at least, so that a clock's step and a launch do not count
constexpr int kMostCallsASample = 256;   // what one graph holds
constexpr std::size_t kMostSets = 64;
constexpr int kSamplesOnCuda = 21, kSamplesOnCpu = 5;
constexpr std::int64_t kCopied = 1 << 27;  // floats: 512 MB to read and as much to write

double seconds_of(Context& context, const Call& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  context.stream().synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<float> uniform_numbers(std::int64_t count, float low, float high) {
  RandomStream random(static_cast<std::uint64_t>(count), Purpose::bench);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = random.uniform(low, high);
  return values;
}

}  // namespace

RandomArrays::RandomArrays(Context& context)
    : context_(context), floats_(Tensor::from(context, {kPool}, uniform_numbers(kPool, -1, 1))) {
#if KARYON_WITH_CUDA
  if (!context.stream().device().is_cuda()) return;
  halves_ = Tensor::empty(context, {kPool}, ElementType::bf16);
  cuda::to_bfloat16(context.stream(), floats_.view(), halves_.view<Bfloat16>());
#endif
}

template <class T>
Tensor RandomArrays::make(const Shape& shape) {
  constexpr bool single = std::is_same_v<T, float>;
  const Tensor& pool = single ? floats_ : halves_;
  const Tensor array = Tensor::empty(context_, shape, single ? ElementType::f32 : ElementType::bf16);
  for (std::int64_t done = 0; done < array.size();) {
    const std::int64_t count = std::min(array.size() - done, kPool - next_);
    copy_on_device(context_.stream(), array.data<T>() + done, pool.data<T>() + next_,
                   static_cast<std::size_t>(count) * sizeof(T));
    done += count;
    next_ = (next_ + count) % kPool;
  }
  return array;
}
template Tensor RandomArrays::make<float>(const Shape&);
#if KARYON_WITH_CUDA
template Tensor RandomArrays::make<Bfloat16>(const Shape&);
#endif

Tensor RandomArrays::positive(const Shape& shape) const {
  return Tensor::from(context_, shape, uniform_numbers(shape_size(shape), 0.5F, 1.5F));
}

std::size_t sets_beyond_cache(double bytes_a_set) {
  return std::clamp(static_cast<std::size_t>(std::ceil(kCacheBytes / bytes_a_set)), std::size_t{2}, kMostSets);
}

Timing time_calls(Context& context, const std::vector<Call>& calls) {
  const auto all = [&] {
    for (const Call& call : calls) call();
  };
  all();
  context.stream().synchronize();
  const double once = seconds_of(context, all);
  const bool cuda = context.stream().device().is_cuda();
  const int sets = static_cast<int>(calls.size());
  const double most_rounds = std::max(1, kMostCallsASample / sets);
  const int rounds = static_cast<int>(std::clamp(kSampleSeconds / once, 1.0, most_rounds));
  const Call sample = [&] {
    for (int round = 0; round < rounds; ++round) all();
  };
  std::optional<Graph> graph;
  if (cuda && !context.stream().synchronous()) graph.emplace(context, sample);
  const Call play = [&] { graph ? graph->launch() : sample(); };
  seconds_of(context, play);

  const int count = rounds * sets;
  std::vector<double> ms(cuda ? kSamplesOnCuda : kSamplesOnCpu);
  for (double& m : ms) m = 1e3 * seconds_of(context, play) / count;
  std::sort(ms.begin(), ms.end());
  return {ms[ms.size() / 2], ms.front(), static_cast<int>(ms.size())};
}

double copy_bandwidth(Context& context) {
  const std::size_t bytes = kCopied * sizeof(float);
  RandomArrays random(context);
  const Tensor from = random.make({static_cast<int>(kCopied)}), to = Tensor::empty(context, from.shape());
  const Timing timing = time_calls(context, {[&] { copy_on_device(context.stream(), to.data(), from.data(), bytes); },
                                             [&] { copy_on_device(context.stream(), from.data(), to.data(), bytes); }});
  return 2 * static_cast<double>(bytes) / (timing.best_ms * 1e-3);
}

}  // namespace karyon::testing
