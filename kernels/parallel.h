// Loops over the stream's CPU threads.
// Invariant: who computes a range never changes what is computed: ranges are contiguous and independent, and reductions
// go over chunks of a fixed size (reduce by chunk, then in order), so results do not depend on the thread count.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>

#include <omp.h>

#include "kernels/stream.h"

// Compiles one function three times and picks by CPUID at load time. Put it on the innermost loop function, never on
// one that holds a parallel region (the outlined region would keep the baseline).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(KARYON_NO_CLONES)
#define KARYON_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KARYON_CLONES
#endif

namespace karyon {

/// Calls body(begin, end) on contiguous parts of [0, count), one a thread. The first exception is rethrown.
template <class Body>
void parallel_ranges(const Stream& stream, std::int64_t count, const Body& body) {
  const int threads = static_cast<int>(std::min<std::int64_t>(stream.threads(), count));
  if (threads <= 1) {
    if (count > 0) body(std::int64_t{0}, count);
    return;
  }
  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  {
    const std::int64_t part = omp_get_thread_num(), parts = omp_get_num_threads();
    try {
      body(count * part / parts, count * (part + 1) / parts);
    } catch (...) {
#pragma omp critical
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

/// Calls body(task, worker) for each of `count` tasks, which the threads share out evenly in order. worker counts from
/// 0 below the stream's threads: it names the part of the workspace that a task may use.
template <class Body>
void parallel_tasks(const Stream& stream, std::int64_t count, const Body& body) {
  const std::int64_t workers = stream.threads();
  parallel_ranges(stream, workers, [&](std::int64_t worker, std::int64_t worker_end) {
    for (; worker < worker_end; ++worker) {
      for (std::int64_t t = count * worker / workers; t < count * (worker + 1) / workers; ++t) body(t, worker);
    }
  });
}

}  // namespace karyon
