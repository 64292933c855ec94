// The table that op_bench prints: a row an op.
// Invariant: the copy bandwidth that rows are compared with, and on the CPU the peak of the vector units, were measured
// in the same run, on the same device.
#pragma once

#include <cstdio>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernels/cuda_device.h"
#include "tests/bench_peak.h"
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
    json_ = {{"device", name}, {"copy_gb_s", copy_ * 1e-9}, {"rows", nlohmann::json::array()}};
    if (!device.is_cuda()) {
      peak_ = peak_flops(context.stream());
      std::printf("peak: %.0f GFLOP/s, multiply-adds on %d threads\n", peak_ * 1e-9, context.stream().threads());
      json_["peak_gflop_s"] = peak_ * 1e-9;
      json_["threads"] = context.stream().threads();
    }
    std::printf("%-59s %-4s %9s %9s %7s %8s %8s %8s\n", "op", "type", "ms", "best", "GB/s", "of copy", "GFLOP/s",
                "of peak");
  }

  /// make() gives one set of inputs, as the call that works on them.
  template <class T, class Make>
  void row(const std::string& name, const Work& work, const Make& make) {
    const bool tf32 = std::is_same_v<T, float> && stream().float32_math() == Float32Math::tf32;
    if (tf32 && !name.starts_with("conv")) return;  // nothing there is rounded to TF32
    if (!wants(name)) return;
    std::vector<Call> calls(sets_beyond_cache(work.bytes));
    for (Call& call : calls) call = make();
    const Timing timing = time_calls(context_, calls);
    calls.clear();
    context_.memory().trim();
    const char* type = tf32 ? "tf32" : std::is_same_v<T, float> ? "f32" : "bf16";
    const double seconds = timing.median_ms * 1e-3, rate = work.bytes / seconds;
    const double gflops = 2e-9 * work.multiply_adds / seconds;
    std::printf("%-59s %-4s %9.4f %9.4f %7.1f %7.0f%% %8.0f", name.c_str(), type, timing.median_ms, timing.best_ms,
                rate * 1e-9, 100 * rate / copy_, gflops);
    const bool of_peak = peak_ > 0 && work.multiply_adds > 0;
    of_peak ? std::printf(" %7.0f%%\n", 1e11 * gflops / peak_) : std::printf(" %8s\n", "-");
    std::fflush(stdout);
    json_["rows"].push_back({{"op", name},
                             {"type", type},
                             {"ms", timing.median_ms},
                             {"best_ms", timing.best_ms},
                             {"gb_s", rate * 1e-9},
                             {"copy_share", rate / copy_},
                             {"gflop_s", gflops}});
    if (of_peak) json_["rows"].back()["peak_share"] = 1e9 * gflops / peak_;
  }

  /// Whether a row of that name is asked for.
  [[nodiscard]] bool wants(const std::string& name) const { return name.find(filter_) != std::string::npos; }
  Context& context() { return context_; }
  Stream& stream() { return context_.stream(); }
  RandomArrays& random() { return random_; }
  [[nodiscard]] const nlohmann::json& json() const { return json_; }

 private:
  Context& context_;
  std::string filter_;
  double copy_, peak_ = 0;  // bytes and floating-point operations a second; the peak is the CPU's alone
  RandomArrays random_;
  nlohmann::json json_;
};

}  // namespace karyon::testing
