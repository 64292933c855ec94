#include "apps/cli/stop_signals.h"

namespace karyon {

namespace {

volatile std::sig_atomic_t received_signal = 0;

// From now on any of them ends the process, as if it had no handler; one that is ignored stays so.
void on_signal(int signal) {
  received_signal = signal;
  for (const int each : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction present {};
    sigaction(each, nullptr, &present);
    if (present.sa_handler == on_signal) std::signal(each, SIG_DFL);
  }
}

}  // namespace

StopSignals::StopSignals() {
  received_signal = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &before_[i]);
    // Who started the program with a signal ignored (nohup) wants it ignored.
    if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

int StopSignals::received() { return received_signal; }

}  // namespace karyon
