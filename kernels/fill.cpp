// Filling on the CPU.
#include "kernels/fill.h"

#include <algorithm>

#include "kernels/parallel.h"

namespace karyon::cpu {

void fill(Stream& stream, float value, FloatView y) {
  parallel_ranges(stream, y.pixels(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) std::fill_n(y.pixel(i), y.c, value);
  });
}

}  // namespace karyon::cpu
