// --device NAME of the parity and bench programs, which have no other flags in common.
// Invariant: without the flag the CPU computes; a device that cannot be used is refused as the programs refuse it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "apps/cli/device.h"
#include "kernels/check.h"

namespace karyon {

/// Takes `flag VALUE` out of the arguments; `missing` where it does not stand there. Error usage without a value.
inline std::string take_flag(std::vector<std::string>& arguments, const std::string& flag, const std::string& missing) {
  const auto found = std::find(arguments.begin(), arguments.end(), flag);
  if (found == arguments.end()) return missing;
  if (found + 1 == arguments.end()) throw Error(Exit::usage, flag + ": a value is missing");
  std::string value = *(found + 1);
  arguments.erase(found, found + 2);
  return value;
}

inline Device take_device(std::vector<std::string>& arguments) {
  Log log(Verbosity::quiet);
  return choose_device(take_flag(arguments, "--device", "cpu"), log);
}

}  // namespace karyon
