// A progress bar: label, bar, done of total, rate, time left.
// Invariant: it lives at the bottom of a terminal from its construction to its end and leaves nothing behind; where the
// log draws no bars it writes nothing at all, or a line every so many seconds. It is drawn at most ten times a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "apps/cli/log.h"

namespace karyon {

class ProgressBar {
 public:
  /// unit: what is counted, as in "images". seconds_between_lines: where no bars are drawn; 0: no lines. One bar at a
  /// time on a log, which must outlive it.
  ProgressBar(Log& log, std::string label, std::int64_t total, std::string unit, int seconds_between_lines = 0);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// May be called from several threads.
  void advance(std::int64_t count = 1);
  /// A few words behind the bar, such as the loss so far; shown from the next drawing on.
  void set_note(std::string note);

 private:
  using Clock = std::chrono::steady_clock;
  void draw(Clock::time_point now);
  [[nodiscard]] std::string line(Clock::time_point now, int columns) const;

  Log& log_;
  std::mutex mutex_;
  std::string label_;
  std::string unit_;
  std::string note_;
  std::int64_t done_ = 0;
  std::int64_t total_;
  std::chrono::seconds between_lines_;
  Clock::time_point start_;
  Clock::time_point drawn_;
};

struct BarState {
  std::string_view label;
  std::int64_t done = 0;
  std::int64_t total = 0;
  double seconds = 0;  // since the start
  std::string_view unit;
  std::string_view note;
};

/// The bar as one line of at most `columns` bytes. The note goes first where the space is short, then the bar.
std::string progress_line(const BarState& progress, int columns);

}  // namespace karyon
