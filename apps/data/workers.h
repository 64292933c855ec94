// A loop over independent items on several threads, with progress.
// Invariant: each item is done exactly once, by one thread, and writes only what is its own, so the result does not
// depend on the number of threads.
#pragma once

#include <cstddef>
#include <functional>

namespace karyon {

/// Called with (done, total), one call at a time, from any thread.
using Progress = std::function<void(std::size_t done, std::size_t total)>;

/// Calls body(index, worker) for every index in [0, count); worker is in [0, threads). When a call throws, no further
/// items are begun and the exception is rethrown (the first, where there are several). progress may be empty.
void for_each_item(std::size_t count, int threads, const Progress& progress,
                   const std::function<void(std::size_t index, int worker)>& body);

}  // namespace karyon
