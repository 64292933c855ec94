#include "apps/cli/common_flags.h"

#include <algorithm>

#include "apps/cli/cpus.h"
#include "apps/cli/device.h"

namespace karyon {

void add_common_flags(CommandLine& line, CommonFlags& flags) {
  constexpr int kMostThreads = 1024;
  flags.threads = std::min(allowed_cpus(), kMostThreads);
  line.text("--device", flags.device, "Where to compute: auto, cpu, cuda or cuda:N")
      ->check([](const std::string& word) {
        return is_device_name(word) ? std::string() : "'" + word + "' is none of auto, cpu, cuda, cuda:N";
      })
      ->type_name("NAME");
  line.number("--threads", flags.threads, 1, kMostThreads, "CPU threads; by default one for each CPU allowed");
  line.text(
          "--precision", flags.precision,
          "fp32; bf16 on CUDA: activations in 16 bits, but sums, statistics, weights and loss in 32; int8 in inference "
          "on the CPU: activations and weights in 8 bits")
      ->check([](const std::string& word) {
        return word == "fp32" || word == "bf16" || word == "int8" ? "" : "'" + word + "' is none of fp32, bf16, int8";
      })
      ->type_name("NAME");
  line.toggle("tf32", flags.tf32, "In fp32 on CUDA, let the tensor cores round products to TensorFloat-32");
  CLI::Option* quiet = line.app().add_flag("-q,--quiet", flags.quiet, "Warnings and results only");
  line.app().add_flag("-v,--verbose", flags.verbose, "Say more")->excludes(quiet);
}

}  // namespace karyon
