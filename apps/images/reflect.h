// Where a place beyond a picture's borders lies within it.
// Invariant: mirrored without repeating the edge, again and again where that is needed (numpy's pad with mode
// 'reflect'); a single row or column is replicated.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace karyon {

/// Place i of a line of n samples, 0 .. n - 1.
inline std::size_t reflected(int i, int n) {
  if (n == 1) return 0;
  const std::int64_t period = 2 * (std::int64_t{n} - 1);
  const std::int64_t at = ((i % period) + period) % period;
  return static_cast<std::size_t>(std::min(at, period - at));
}

}  // namespace karyon
