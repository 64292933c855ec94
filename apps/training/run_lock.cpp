#include "apps/training/run_lock.h"

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "kernels/check.h"

namespace karyon {

namespace {

std::string host() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown host";
}

std::string content(int fd) {
  std::array<char, 300> text{};
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  std::string line(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return line.substr(0, line.find('\n'));
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& folder)
    : file_(folder / ".lock"), fd_(open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)) {
  const auto refuse = [this](const std::string& why) {
    throw Error(Exit::cannot_create, "the run folder " + file_.parent_path().string() + " " + why);
  };
  if (fd_ < 0) refuse("cannot be locked: " + std::generic_category().message(errno));
  if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    const int code = errno;
    const std::string holder = content(fd_);
    close(fd_);
    if (code != EWOULDBLOCK) refuse("cannot be locked: " + std::generic_category().message(code));
    refuse("is in use by another run (" + holder + "); name another with --out");
  }
  const std::string line = "process " + std::to_string(getpid()) + " on " + host() + "\n";
  // What the lock says is for people; the lock itself is the system's.
  if (ftruncate(fd_, 0) != 0 || pwrite(fd_, line.data(), line.size(), 0) < 0) errno = 0;
}

RunLock::~RunLock() {
  unlink(file_.c_str());
  close(fd_);
}

}  // namespace karyon
