// The table that op_bench prints: a row an op.
// Invariant: the copy bandwidth that rows are compared with was measured in the same run, on the same device.
#pragma once

#include <cstdio>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernels/cuda_device.h"
#include "tests/bench_timer.h"

namespace karyon::testing {

/// What one call does: the fewest bytes that it can move, and multiply-adds, 0 where they are not counted.
struct Work {
  double bytes = 0, multiply_adds = 0;
};

/// A row is timed, printed and kept as soon as it is asked for.
class Bench {
 public:
  Bench(Context& context, std::string filter)
      : context_(context), filter_(std::move(filter)), copy_(copy_bandwidth(context)), random_(context) {
    const Device device = context.stream().device();
    const std::string name =
        device.is_cuda() ? cuda::find_devices().devices.at(static_cast<std::size_t>(device.index)).name : "cpu";
    std::printf("device: %s\ncopy: %.0f GB/s, read and written\n", name.c_str(), copy_ * 1e-9);
    std::printf("%-51s %-4s %9s %9s %7s %8s %8s\n", "op", "type", "ms", "best", "GB/s", "of copy", "GFLOP/s");
    json_ = {{"device", name}, {"copy_gb_s", copy_ * 1e-9}, {"rows", nlohmann::json::array()}};
  }

  /// make() gives one set of inputs, as the call that works on them.
  template <class T, class Make>
  void row(const std::string& name, const Work& work, const Make& make) {
    const bool tf32 = std::is_same_v<T, float> && stream().float32_math() == Float32Math::tf32;
    if (tf32 && !name.starts_with("conv")) return;  // nothing there is rounded to TF32
    if (name.find(filter_) == std::string::npos) return;
    std::vector<Call> calls(sets_beyond_cache(work.bytes));
    for (Call& call : calls) call = make();
    const Timing timing = time_calls(context_, calls);
    calls.clear();
    context_.memory().trim();
    const char* type = tf32 ? "tf32" : std::is_same_v<T, float> ? "f32" : "bf16";
    const double seconds = timing.median_ms * 1e-3, rate = work.bytes / seconds;
    const double gflops = 2e-9 * work.multiply_adds / seconds;
    std::printf("%-51s %-4s %9.4f %9.4f %7.1f %7.0f%% %8.0f\n", name.c_str(), type, timing.median_ms, timing.best_ms,
                rate * 1e-9, 100 * rate / copy_, gflops);
    std::fflush(stdout);
    json_["rows"].push_back({{"op", name},
                             {"type", type},
                             {"ms", timing.median_ms},
                             {"best_ms", timing.best_ms},
                             {"gb_s", rate * 1e-9},
                             {"copy_share", rate / copy_},
                             {"gflop_s", gflops}});
  }

  Context& context() { return context_; }
  Stream& stream() { return context_.stream(); }
  RandomArrays& random() { return random_; }
  [[nodiscard]] const nlohmann::json& json() const { return json_; }

 private:
  Context& context_;
  std::string filter_;
  double copy_;
  RandomArrays random_;
  nlohmann::json json_;
};

}  // namespace karyon::testing
