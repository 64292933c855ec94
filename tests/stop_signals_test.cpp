// Signals that ask a program to stop, sent to a process of their own.
#include "apps/cli/stop_signals.h"

#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>
#include <unistd.h>

namespace karyon {
namespace {

constexpr int kHeld = 9;  // the exit status of a process that outlived what it was sent

/// Sends the first, which must only be taken note of, then the second.
[[noreturn]] void take_two(int first, int second) {
  const StopSignals signals;
  std::raise(first);
  if (StopSignals::received() != first) std::_Exit(1);
  std::raise(second);
  std::_Exit(kHeld);
}

TEST(StopSignals, TheSecondOneEndsTheProcessAtOnce) {
  EXPECT_EXIT(take_two(SIGINT, SIGINT), ::testing::KilledBySignal(SIGINT), "");
  EXPECT_EXIT(take_two(SIGTERM, SIGINT), ::testing::KilledBySignal(SIGINT), "");
  EXPECT_EXIT(take_two(SIGHUP, SIGTERM), ::testing::KilledBySignal(SIGTERM), "");
}

[[noreturn]] void under_nohup() {
  std::signal(SIGHUP, SIG_IGN);
  const StopSignals signals;
  std::raise(SIGHUP);
  if (StopSignals::received() != 0) std::_Exit(1);
  std::raise(SIGINT);  // behind which a second signal would end it
  std::raise(SIGHUP);
  std::_Exit(kHeld);
}

TEST(StopSignals, UnderNohupAHangUpIsNothing) { EXPECT_EXIT(under_nohup(), ::testing::ExitedWithCode(kHeld), ""); }

[[noreturn]] void behind_its_life() {
  { const StopSignals signals; }
  std::raise(SIGTERM);
  std::_Exit(kHeld);
}

TEST(StopSignals, BehindItsLifeSignalsAreAsBefore) {
  EXPECT_EXIT(behind_its_life(), ::testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace karyon
