#include "apps/cli/log.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include <sys/ioctl.h>

namespace karyon {
namespace {

constexpr const char* kClearToEnd = "\x1b[K";

}  // namespace

Log::Log(Verbosity verbosity, int fd) : verbosity_(verbosity), fd_(fd) {
  const char* term = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  const bool moves = isatty(fd) != 0 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
  live_ = moves && verbosity != Verbosity::quiet;
  colour_ = moves && (no_color == nullptr || *no_color == '\0');
}

void Log::note(std::string_view line) {
  if (verbosity_ != Verbosity::quiet) write_line(line);
}

void Log::detail(std::string_view line) {
  if (verbosity_ == Verbosity::verbose) write_line(line);
}

void Log::warn(std::string_view line) {
  write_line((colour_ ? "\x1b[33mwarning:\x1b[0m " : "warning: ") + std::string(line));
}

int Log::columns() const {
  winsize size{};
  constexpr int kUsual = 80;
  return ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

void Log::show_bar(std::string_view bar) {
  const std::lock_guard lock(mutex_);
  if (!live_ || bar == bar_) return;
  bar_ = bar;
  // Written over in place and cleared behind, in one piece: clearing first would flicker.
  put("\r" + bar_ + kClearToEnd);
}

void Log::write_line(std::string_view line) {
  const std::lock_guard lock(mutex_);
  std::string bytes(bar_.empty() ? "" : "\r");
  bytes.append(line);
  if (!bar_.empty()) bytes += kClearToEnd;
  bytes += '\n' + bar_;
  put(bytes);
}

// Where stderr itself cannot be written there is nobody left to tell.
void Log::put(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace karyon
