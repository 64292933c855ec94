// What the plans of cuDNN and cuBLASLt have in common: copies of kernels, and the choice of an algorithm for each
// shape. Invariant: a choice is made once in a process and holds for every stream: two algorithms may add in another
// order, so choosing anew could give other bits. Another process may choose otherwise.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "kernels/kernel_copies.h"

namespace karyon::cuda {

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
