// Invariant: between fork and _exit the child touches nothing that another thread of the parent may have left locked:
// system calls, glibc's malloc (which is made safe across fork) and the reader itself. It ends by _exit on every path.
#include "weights/child_reader.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <new>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/check.h"
#include "weights/child_answer.h"

namespace karyon {

namespace {

// AddressSanitizer maps terabytes and more as it goes: a limit on the address space would end every reader.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kLimitMemory = false;
#elif defined(__has_feature)
constexpr bool kLimitMemory = !__has_feature(address_sanitizer);
#else
constexpr bool kLimitMemory = true;
#endif

constexpr int kPipe = 3;  // where the child finds the pipe's writing end

/// The pipe's reading end and the child; both are gone when this is.
class Child {
 public:
  Child(pid_t process, int pipe) : process_(process), pipe_(pipe) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (process_ > 0) kill(process_, SIGKILL);
    static_cast<void>(wait());
    close(pipe_);
  }

  /// All that the child writes, up to `limit` bytes.
  std::vector<std::uint8_t> read_all(std::uint64_t limit) const {
    std::vector<std::uint8_t> bytes;
    constexpr std::size_t kPart = 1 << 16;
    std::vector<std::uint8_t> part(kPart);
    while (bytes.size() < limit) {
      const ssize_t count = read(pipe_, part.data(), part.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      bytes.insert(bytes.end(), part.begin(), part.begin() + count);
    }
    return bytes;
  }

  /// The child's wait status; 0 when the parent ignores SIGCHLD and the system keeps none.
  int wait() {
    int status = 0;
    while (process_ > 0 && waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
    return status;
  }

 private:
  pid_t process_;
  int pipe_;
};

void limit(int resource, rlim_t value) {
  const rlimit both{value, value};
  setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

/// Bytes of address space that this process has mapped. Asked before the fork: a stream takes the locale's lock.
std::uint64_t mapped_bytes() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void set_limits(const ChildLimits& limits, std::uint64_t mapped) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  const rlimit cpu{limits.cpu_seconds, limits.cpu_seconds + 1};  // SIGXCPU, then SIGKILL
  setrlimit(RLIMIT_CPU, &cpu);
  alarm(limits.seconds);
  if (kLimitMemory) limit(RLIMIT_AS, mapped + limits.memory);
}

/// Signals act as in a fresh process; nothing is open but stderr and the pipe.
void become_plain(int pipe) {
  for (int number = 1; number < NSIG; ++number) std::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGKILL);

  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  const int sender = fcntl(pipe, F_DUPFD, kPipe + 1);  // out of the way of the numbers below
  dup2(nothing, STDIN_FILENO);
  dup2(nothing, STDOUT_FILENO);
  dup2(sender, kPipe);
  close_range(kPipe + 1, ~0U, 0);
}

void send(const std::vector<std::uint8_t>& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = write(kPipe, bytes.data() + sent, bytes.size() - sent);
    if (count < 0 && errno != EINTR) _exit(static_cast<int>(Exit::io));
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
}

/// An exception other than Error comes out of a library or the allocator, for what the file made it do.
std::vector<std::uint8_t> answer_of(const std::function<std::unique_ptr<Archive>()>& read, const std::string& source) {
  try {
    return encode_answer(*read(), source);
  } catch (const Error& error) {
    return encode_answer(error);
  } catch (const std::bad_alloc&) {
    return encode_answer(Error(Exit::bad_data, source + ": reading it takes too much memory; it is broken or hostile"));
  } catch (const std::exception& error) {
    return encode_answer(Error(Exit::bad_data, source + ": the reader failed: " + error.what()));
  }
}

[[noreturn]] void run_child(const std::function<std::unique_ptr<Archive>()>& read, const std::string& source,
                            const ChildLimits& limits, std::uint64_t mapped, int pipe) {
  try {
    become_plain(pipe);
    set_limits(limits, mapped);
    send(answer_of(read, source));
    _exit(0);
  } catch (...) {
    _exit(static_cast<int>(Exit::unexpected));
  }
}

Child start_child(const std::function<std::unique_ptr<Archive>()>& read, const std::string& source,
                  const ChildLimits& limits) {
  const auto fail = [&](const char* what) {
    throw Error(Exit::out_of_memory, source + ": cannot start its reader: " + what + ": " + std::strerror(errno));
  };
  const std::uint64_t mapped = mapped_bytes();
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
  const pid_t process = fork();
  if (process == 0) run_child(read, source, limits, mapped, ends[1]);
  const int error = errno;
  close(ends[1]);
  if (process < 0) {
    close(ends[0]);
    errno = error;
    fail("fork");
  }
  return {process, ends[0]};
}

/// How the child ended, in words; "" when it ended well.
std::string cause_of_death(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    if (number == SIGXCPU) return "its limit of processor time";
    if (number == SIGALRM) return "its time limit";
    return "signal " + std::to_string(number) + " (" + sigdescr_np(number) + ")";
  }
  if (WEXITSTATUS(status) != 0) return "exit status " + std::to_string(WEXITSTATUS(status));
  return {};
}

}  // namespace

std::unique_ptr<Archive> read_in_child(const std::function<std::unique_ptr<Archive>()>& read, const std::string& source,
                                       const ChildLimits& limits) {
  Child child = start_child(read, source, limits);
  const std::vector<std::uint8_t> answer = child.read_all(limits.memory);
  if (answer.size() >= limits.memory) {
    throw Error(Exit::bad_data, source + ": its reader sent more than it may; the file is broken or hostile");
  }
  const std::string cause = cause_of_death(child.wait());
  if (!cause.empty()) {
    throw Error(Exit::bad_data, source + ": its reader died of " + cause + "; the file is broken or hostile");
  }
  std::unique_ptr<Archive> archive = decode_answer(answer, source);
  if (archive == nullptr) {
    throw Error(Exit::bad_data, source + ": its reader died of a garbled answer; the file is broken or hostile");
  }
  return archive;
}

}  // namespace karyon
