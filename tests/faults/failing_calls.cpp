// A shared library to be preloaded: the k-th call that puts something on a disk fails, k from KARYON_TEST_FAIL_AT,
// which counts write, fsync, rename and link of regular files alike. The failure is a full disk (ENOSPC), and for fsync
// EIO. With KARYON_TEST_FAIL_ON every later call fails too.
#include <cerrno>
#include <cstdlib>

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

long calls = 0;

bool fails() {
  static const char* at = std::getenv("KARYON_TEST_FAIL_AT");
  static const bool on = std::getenv("KARYON_TEST_FAIL_ON") != nullptr;
  if (at == nullptr) return false;
  const long k = std::atol(at);
  ++calls;
  return calls == k || (on && calls > k);
}

bool is_file(int fd) {
  struct stat status {};
  return fd > STDERR_FILENO && fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  if (is_file(fd) && fails()) {
    errno = ENOSPC;
    return -1;
  }
  return real(fd, data, size);
}

int fsync(int fd) {
  static const auto real = next<int (*)(int)>("fsync");
  if (fails()) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  static const auto real = next<int (*)(int, const char*, int, const char*)>("renameat");
  if (fails()) {
    errno = ENOSPC;
    return -1;
  }
  return real(from_folder, from, to_folder, to);
}

int link(const char* from, const char* to) {
  static const auto real = next<int (*)(const char*, const char*)>("link");
  if (fails()) {
    errno = ENOSPC;
    return -1;
  }
  return real(from, to);
}
}
