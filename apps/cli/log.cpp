#include "apps/cli/log.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <sys/ioctl.h>

#include "kernels/check.h"

namespace karyon {
namespace {

constexpr const char* kClearToEnd = "\x1b[K";

// Where stderr itself cannot be written there is nobody left to tell.
void put(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

Log::Log(Verbosity verbosity, int fd) : verbosity_(verbosity), fd_(fd) {
  const char* term = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  const bool moves = isatty(fd) != 0 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
  live_ = moves && verbosity != Verbosity::quiet;
  colour_ = moves && (no_color == nullptr || *no_color == '\0');
}

Log::~Log() {
  if (copy_ >= 0) close(copy_);
}

void Log::copy_to(const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) throw Error(Exit::cannot_create, file.string() + ": " + std::generic_category().message(errno));
  const std::lock_guard lock(mutex_);
  if (copy_ >= 0) close(copy_);
  copy_ = fd;
}

void Log::note(std::string_view line) {
  copy(line);
  if (verbosity_ != Verbosity::quiet) write_line(line);
}

void Log::detail(std::string_view line) {
  copy(line);
  if (verbosity_ == Verbosity::verbose) write_line(line);
}

void Log::warn(std::string_view line) {
  copy("warning: " + std::string(line));
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
  put(fd_, "\r" + bar_ + kClearToEnd);
}

void Log::write_line(std::string_view line) {
  const std::lock_guard lock(mutex_);
  std::string bytes(bar_.empty() ? "" : "\r");
  bytes.append(line);
  if (!bar_.empty()) bytes += kClearToEnd;
  bytes += '\n' + bar_;
  put(fd_, bytes);
}

// A log that cannot be written, on a full disk, stops no training.
void Log::copy(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (copy_ >= 0) put(copy_, std::string(line) + "\n");
}

}  // namespace karyon
