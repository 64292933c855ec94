// Copies of kernels in the form that a product or a library wants.
// Invariant: a copy is made again only when its kernel's stamp has moved; blocks that were outgrown are kept, for a
// captured graph may still read them.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <vector>

#include "kernels/conv.h"

namespace karyon {

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

}  // namespace karyon
