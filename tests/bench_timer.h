// How long a kernel takes, and random arrays to run it on.
// Invariant: a kernel is timed on inputs that are not in the cache: each call takes the next of several sets, which
// together are larger than any cache; on CUDA the calls of a sample are one graph, so that queueing them is not timed.
// Numbers are random, never zeros. What a first call makes (plans, packed kernels, workspace) is made before.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "engine/tensor.h"

namespace karyon::testing {

class RandomArrays {
 public:
  explicit RandomArrays(Context& context);
  [[nodiscard]] Context& context() const { return context_; }
  /// Uniform in [-1, 1).
  template <class T = float>
  Tensor make(const Shape& shape);
  /// Uniform in [0.5, 1.5): variances and their like.
  [[nodiscard]] Tensor positive(const Shape& shape) const;

 private:
  Context& context_;
  Tensor floats_, halves_;  // one pool a type, which the arrays are cut from
  std::int64_t next_ = 0;
};

struct Timing {
  double median_ms = 0, best_ms = 0;
  int samples = 0;
};

using Call = std::function<void()>;

/// How many sets of inputs of so many bytes are more than a cache holds.
std::size_t sets_beyond_cache(double bytes_a_set);

/// Times one of `calls`, the same work on different inputs.
Timing time_calls(Context& context, const std::vector<Call>& calls);

/// Bytes read and written a second by the largest copy on the device.
double copy_bandwidth(Context& context);

}  // namespace karyon::testing
