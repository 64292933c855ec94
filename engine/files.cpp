// Every descriptor and every temporary has an owner here, so each way out, by exception too, leaves none behind.
#include "engine/files.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/check.h"

namespace karyon {

namespace {

std::string errno_text(int code) { return std::generic_category().message(code); }

std::string quoted(const std::filesystem::path& path) { return "'" + path.string() + "'"; }

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  /// Some file systems report a failed write only here.
  int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

/// Reads up to `size` bytes; fewer only at the end of the file. -1 and errno on failure.
ssize_t read_up_to(int fd, std::uint8_t* data, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(fd, data + done, size - done);
    if (got == 0) break;
    if (got < 0) {
      if (errno == EINTR) continue;
      return -1;
    }
    done += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(done);
}

/// Whether the file holds these parts, one behind the other, and no more.
bool holds(const std::filesystem::path& path, std::span<const std::span<const std::uint8_t>> parts) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return false;
  std::vector<std::uint8_t> buffer(std::size_t{1} << 20);
  for (std::span<const std::uint8_t> part : parts) {
    while (!part.empty()) {
      const std::size_t size = std::min(part.size(), buffer.size());
      const ssize_t got = read_up_to(file.get(), buffer.data(), size);
      if (got != static_cast<ssize_t>(size) || std::memcmp(buffer.data(), part.data(), size) != 0) return false;
      part = part.subspan(size);
    }
  }
  return read_up_to(file.get(), buffer.data(), 1) == 0;
}

bool write_all(int fd, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

bool sync(int fd) {
  // EINVAL: a file system that has nothing to sync, such as some FUSE and network ones for folders.
  return ::fsync(fd) == 0 || errno == EINVAL;
}

Exit exit_for_open(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
      return Exit::no_input;
    case ELOOP:
    case ENXIO:  // a socket, or a device with nothing behind it
      return Exit::bad_data;
    default:
      return Exit::io;
  }
}

/// A new file in a folder that removes itself unless it was renamed to its final name.
class Temporary {
 public:
  explicit Temporary(int folder) : folder_(folder), fd_(create()) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (made_) ::unlinkat(folder_, name_.c_str(), 0);
  }
  [[nodiscard]] bool made() const { return made_; }
  [[nodiscard]] Descriptor& file() { return fd_; }
  bool rename_to(const std::string& name) {
    if (::renameat(folder_, name_.c_str(), folder_, name.c_str()) != 0) return false;
    made_ = false;
    return true;
  }

 private:
  int create() {
    // The number tells threads apart; names that a killed process with our id left behind are stepped over.
    static std::atomic<unsigned> number{0};
    for (int attempt = 0; attempt < 100; ++attempt) {
      name_ = ".karyon-" + std::to_string(::getpid()) + "-" + std::to_string(number++) + ".tmp";
      const int fd = ::openat(folder_, name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
      made_ = fd >= 0;
      if (made_ || errno != EEXIST) return fd;
    }
    return -1;
  }

  int folder_;
  std::string name_;
  bool made_ = false;
  Descriptor fd_;
};

[[noreturn]] void fail_write(const std::filesystem::path& path, Exit exit, int code) {
  throw Error(exit, "cannot write " + quoted(path) + ": " + errno_text(code));
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  // O_NONBLOCK: opening a FIFO that nobody writes to must not hang before fstat can refuse it.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (file.get() < 0) {
    const int code = errno;
    throw Error(exit_for_open(code), "cannot open " + quoted(path) + ": " + errno_text(code));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    throw Error(Exit::io, "cannot read " + quoted(path) + ": " + errno_text(errno));
  }
  if (S_ISDIR(status.st_mode)) throw Error(Exit::bad_data, quoted(path) + " is a folder, expected a file");
  if (!S_ISREG(status.st_mode)) {
    throw Error(Exit::bad_data, quoted(path) + " is not a regular file (a pipe, socket or device)");
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > max_bytes) {
    throw Error(Exit::bad_data, quoted(path) + " has " + std::to_string(size) + " bytes, more than the " +
                                    std::to_string(max_bytes) + " allowed here");
  }
  std::vector<std::uint8_t> bytes(size);
  std::uint8_t beyond = 0;
  const ssize_t got = read_up_to(file.get(), bytes.data(), bytes.size());
  const ssize_t more = got < 0 ? -1 : read_up_to(file.get(), &beyond, 1);
  if (more < 0) throw Error(Exit::io, "cannot read " + quoted(path) + ": " + errno_text(errno));
  if (static_cast<std::uint64_t>(got) != size || more != 0) {
    throw Error(Exit::io, quoted(path) + " changed its size while it was read; try again");
  }
  return bytes;
}

struct FileWriter::Parts {
  explicit Parts(const std::filesystem::path& parent)
      : folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (folder.get() >= 0) temporary.emplace(folder.get());
  }
  Descriptor folder;
  std::optional<Temporary> temporary;
};

FileWriter::FileWriter(std::filesystem::path path) : path_(std::move(path)) {
  if (!path_.has_filename()) fail_write(path_, Exit::cannot_create, EISDIR);
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    // A rename would put a plain file in the place of, say, /dev/null.
    throw Error(Exit::cannot_create, "cannot write " + quoted(path_) + ": a folder or device of that name is there");
  }
  parts_ = std::make_unique<Parts>(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
  if (!parts_->temporary || !parts_->temporary->made()) fail_write(path_, Exit::cannot_create, errno);
}

FileWriter::~FileWriter() = default;

void FileWriter::write(std::span<const std::uint8_t> bytes) {
  if (!write_all(parts_->temporary->file().get(), bytes)) fail_write(path_, Exit::io, errno);
}

void FileWriter::commit() {
  Temporary& temporary = *parts_->temporary;
  if (!sync(temporary.file().get()) || temporary.file().close() != 0) fail_write(path_, Exit::io, errno);
  if (!temporary.rename_to(path_.filename().string())) fail_write(path_, Exit::cannot_create, errno);
  if (!sync(parts_->folder.get())) fail_write(path_, Exit::io, errno);
}

void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  FileWriter file(path);
  file.write(bytes);
  file.commit();
}

std::filesystem::path previous_of(const std::filesystem::path& path) { return path.string() + ".prev"; }

void write_file_verified(const std::filesystem::path& path, std::span<const std::span<const std::uint8_t>> parts) {
  const std::filesystem::path previous = previous_of(path);
  const bool had_one = ::access(path.c_str(), F_OK) == 0;
  if (had_one) {
    // A second name for the same file, so that at no moment there is none.
    ::unlink(previous.c_str());
    if (::link(path.c_str(), previous.c_str()) != 0) write_file(previous, read_file(path));  // no links on FAT
  }
  FileWriter file(path);
  for (const std::span<const std::uint8_t> part : parts) file.write(part);
  file.commit();
  if (!holds(path, parts)) {
    if (had_one) std::filesystem::rename(previous, path);
    throw Error(Exit::io, quoted(path) + " does not read back as it was written; is the disk failing?");
  }
  if (had_one) ::unlink(previous.c_str());
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  write_file(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace karyon
