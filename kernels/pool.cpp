// Global average pooling on the CPU, an image a task.
#include "kernels/pool.h"

#include <vector>

#include "kernels/check.h"
#include "kernels/parallel.h"

namespace karyon::cpu {

void global_average_pool(Stream& stream, ConstFloatView x, FloatView y) {
  KARYON_CHECK(y.n == x.n && y.h == 1 && y.w == 1 && y.c == x.c, "global average pooling gives one pixel an image");
  const std::int64_t pixels = std::int64_t{x.h} * x.w;
  parallel_ranges(stream, x.n, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> sums(static_cast<std::size_t>(x.c));
    for (std::int64_t n = begin; n < end; ++n) {
      sums.assign(sums.size(), 0.0);
      for (std::int64_t i = n * pixels; i < (n + 1) * pixels; ++i) {
        const float* row = x.pixel(i);
        for (int c = 0; c < x.c; ++c) sums[static_cast<std::size_t>(c)] += static_cast<double>(row[c]);
      }
      for (int c = 0; c < x.c; ++c) {
        y.pixel(n)[c] = static_cast<float>(sums[static_cast<std::size_t>(c)] / static_cast<double>(pixels));
      }
    }
  });
}

}  // namespace karyon::cpu
