// Ctrl-C, SIGTERM and SIGHUP: the first asks the program to finish what it is at, the second ends it at once.
// Invariant: handlers only set a flag; what was the process's way with these signals comes back when this goes.
#pragma once

#include <array>
#include <csignal>

#include "kernels/check.h"

namespace karyon {

class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The signal that came, 0 for none.
  [[nodiscard]] static int received();
  /// The exit status that tells of it: 128 + its number (130, 143, 129).
  [[nodiscard]] static Exit exit_code() { return static_cast<Exit>(128 + received()); }

 private:
  static constexpr std::array<int, 3> kSignals{SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, 3> before_{};
};

}  // namespace karyon
