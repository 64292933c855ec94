// What the plans of cuDNN and cuBLASLt have in common: copies of kernels in a library's own form, and the choice of an
// algorithm for each shape.
// Invariant: a copy is made again only when its kernel's stamp has moved; blocks that were outgrown are kept, for a
// captured graph may still read them. A choice is made once in a process and holds for every stream: two algorithms
// may add in another order, so choosing anew could give other bits. Another process may choose otherwise.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "kernels/conv.h"

namespace karyon::cuda {

/// The form of a copy: its kernel's address and all that says how it is laid out.
struct KernelCopyKey {
  const float* kernel = nullptr;  // null for kernels without a stamp, which share one block
  int element_bytes = 0;
  int packed_h = 0, packed_w = 0, top = 0, left = 0;
  friend auto operator<=>(const KernelCopyKey&, const KernelCopyKey&) = default;  // NOLINT(modernize-use-nullptr)
};

class KernelCopies {
 public:
  explicit KernelCopies(MemorySource& memory) : memory_(memory) {}
  KernelCopies(const KernelCopies&) = delete;
  KernelCopies& operator=(const KernelCopies&) = delete;
  ~KernelCopies() {
    for (void* block : blocks_) memory_.release(block);
  }

  /// The copy of `kernel` in this form, `bytes` long. make(block) queues its making where there is none of this stamp.
  template <class Make>
  void* find(StampedKernel kernel, KernelCopyKey form, std::size_t bytes, const Make& make) {
    form.kernel = kernel.stamp == 0 ? nullptr : kernel.data;
    Copy& copy = copies_[form];
    if (copy.block != nullptr && kernel.stamp != 0 && copy.stamp == kernel.stamp) return copy.block;
    if (copy.bytes < bytes) {
      copy.block = memory_.allocate(bytes, true);
      copy.bytes = bytes;
      blocks_.push_back(copy.block);
    }
    copy.stamp = 0;  // until it is made
    make(copy.block);
    copy.stamp = kernel.stamp;
    return copy.block;
  }

 private:
  struct Copy {
    void* block = nullptr;
    std::size_t bytes = 0;
    std::uint64_t stamp = 0;
  };
  MemorySource& memory_;
  std::map<KernelCopyKey, Copy> copies_;
  std::vector<void*> blocks_;
};

/// The choices of a process: nothing (no algorithm fits) is a choice as well.
template <class Key, class Algorithm>
class Choices {
 public:
  /// make() is called for a key's first question only, by one thread at a time.
  template <class Make>
  std::optional<Algorithm> find(const Key& key, const Make& make) {
    const std::lock_guard lock(mutex_);
    if (const auto found = choices_.find(key); found != choices_.end()) return found->second;
    return choices_.emplace(key, make()).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<Key, std::optional<Algorithm>> choices_;
};

}  // namespace karyon::cuda
