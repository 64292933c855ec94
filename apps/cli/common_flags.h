// The flags that every program of Karyon has.
// Invariant: they mean the same everywhere, and --threads is never left at zero.
#pragma once

#include <string>

#include "apps/cli/command_line.h"
#include "apps/cli/log.h"

namespace karyon {

struct CommonFlags {
  std::string device = "auto";     // for choose_device
  int threads = 1;                 // 1 .. 1024
  std::string precision = "fp32";  // or bf16, on CUDA, or int8, in inference on the CPU
  bool tf32 = false;               // let CUDA round products in fp32
  bool quiet = false;
  bool verbose = false;

  [[nodiscard]] Verbosity verbosity() const {
    if (quiet) return Verbosity::quiet;
    return verbose ? Verbosity::verbose : Verbosity::normal;
  }
};

/// Adds --device, --threads, --quiet and --verbose. Sets flags.threads to the CPUs this process may use: the default.
void add_common_flags(CommandLine& line, CommonFlags& flags);

}  // namespace karyon
