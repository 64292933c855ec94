// Which device a run uses.
// Invariant: the choice is made before any data is looked for; "auto" never fails and says in one line what it took
// and why; a device that was asked for by name is used or refused, never replaced. A build without a CUDA part, and a
// machine without driver, device or CUDA's libraries, are no failure but a reason.
#pragma once

#include <string_view>

#include "apps/cli/log.h"
#include "kernels/stream.h"

namespace karyon {

/// "auto" (the first CUDA device, or the CPU if that cannot be used), "cpu", "cuda" (the first) or "cuda:N".
/// Error(Exit::usage) for any other text; Error(Exit::no_device), with what was found of a driver, devices and
/// libraries, for a CUDA device that cannot be used.
Device choose_device(std::string_view wanted, Log& log);

/// Whether choose_device knows the word, without asking any driver.
bool is_device_name(std::string_view word);

}  // namespace karyon
