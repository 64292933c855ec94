#include "apps/cli/progress_bar.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <utility>

namespace karyon {
namespace {

std::string clock_text(double seconds) {
  constexpr double kLongest = 99 * 3600.0;
  const auto whole = std::lround(std::min(seconds, kLongest));
  char text[32];
  if (whole >= 3600) {
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
  }
  return text;
}

std::string rate_text(double rate, std::string_view unit) {
  char text[32];
  std::snprintf(text, sizeof text, rate < 100 ? "%.1f " : "%.0f ", rate);
  return text + std::string(unit) + "/s";
}

// "[=====>    ]", `width` wide with its brackets.
std::string bar_text(double share, int width) {
  const int inside = width - 2;
  const int filled = static_cast<int>(share * inside);
  std::string bar(static_cast<std::size_t>(filled), '=');
  if (filled < inside) bar += '>';
  bar.resize(static_cast<std::size_t>(inside), ' ');
  return "[" + bar + "]";
}

}  // namespace

std::string progress_line(const BarState& state, int columns) {
  const std::int64_t total = std::max<std::int64_t>(state.total, 1);
  const std::int64_t done = std::clamp<std::int64_t>(state.done, 0, total);
  const std::string total_text = std::to_string(state.total);
  std::string done_text = std::to_string(done);
  if (done_text.size() < total_text.size()) done_text.insert(0, total_text.size() - done_text.size(), ' ');

  const std::string label(state.label);
  std::string counts = done_text + "/" + total_text;
  if (done > 0 && state.seconds > 0) {
    const double rate = static_cast<double>(done) / state.seconds;
    const double left = static_cast<double>(total - done) / rate;
    counts += " " + rate_text(rate, state.unit) + " " + clock_text(left) + " left";
  }
  const std::string note = state.note.empty() ? "" : " " + std::string(state.note);

  constexpr int kWidest = 32, kNarrowest = 6;
  const auto room_beside = [&](const std::string& behind) {
    return columns - static_cast<int>(label.size() + 1 + 1 + counts.size() + behind.size());
  };
  std::string line = label + " ";
  const bool with_note = room_beside(note) >= kNarrowest;
  const int room = std::min(room_beside(with_note ? note : ""), kWidest);
  if (room >= kNarrowest) line += bar_text(static_cast<double>(done) / static_cast<double>(total), room) + " ";
  line += counts + (with_note ? note : "");
  line.resize(std::min(line.size(), static_cast<std::size_t>(std::max(columns, 0))));
  return line;
}

ProgressBar::ProgressBar(Log& log, std::string label, std::int64_t total, std::string unit, int seconds_between_lines)
    : log_(log),
      label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      between_lines_(seconds_between_lines),
      start_(Clock::now()),
      drawn_(start_) {
  if (log_.live()) draw(start_);
}

ProgressBar::~ProgressBar() { log_.show_bar(""); }

void ProgressBar::advance(std::int64_t count) {
  const std::lock_guard lock(mutex_);
  done_ += count;
  constexpr std::chrono::milliseconds kInterval(100);
  const Clock::time_point now = Clock::now();
  if (log_.live() && now - drawn_ >= kInterval) draw(now);
  if (!log_.live() && between_lines_.count() > 0 && now - drawn_ >= between_lines_) {
    constexpr int columns = 80;
    drawn_ = now;
    log_.note(line(now, columns));
  }
}

void ProgressBar::set_note(std::string note) {
  const std::lock_guard lock(mutex_);
  note_ = std::move(note);
}

std::string ProgressBar::line(Clock::time_point now, int columns) const {
  const double seconds = std::chrono::duration<double>(now - start_).count();
  return progress_line({label_, done_, total_, seconds, unit_, note_}, columns);
}

void ProgressBar::draw(Clock::time_point now) {
  drawn_ = now;
  // The last column stays free: a terminal would wrap the line there.
  log_.show_bar(line(now, log_.columns() - 1));
}

}  // namespace karyon
