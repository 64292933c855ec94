// One run a folder: a lock that the system lets go when its process ends, however it ends.
// Invariant: while it stands no other process gets it, on this machine or, where the file system locks across them, on
// another; a lock that a dead process left behind is taken over.
#pragma once

#include <filesystem>

namespace karyon {

class RunLock {
 public:
  /// Locks `folder`/.lock and writes process number and host into it. Error cannot_create naming the holder.
  explicit RunLock(const std::filesystem::path& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  std::filesystem::path file_;
  int fd_;
};

}  // namespace karyon
