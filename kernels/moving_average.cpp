// The moving average of weights on the CPU: one vectorised pass.
#include "kernels/moving_average.h"

#include "kernels/parallel.h"

namespace karyon {

namespace {

KARYON_CLONES void average_range(std::int64_t begin, std::int64_t end, const float* __restrict values, float keep,
                                 float* __restrict average) {
  const float take = 1.0F - keep;
  for (std::int64_t i = begin; i < end; ++i) average[i] = keep * average[i] + take * values[i];
}

}  // namespace

namespace cpu {

void moving_average(Stream& stream, std::int64_t count, const float* values, const float* keep, float* average) {
  const float kept = *keep;
  parallel_ranges(stream, count,
                  [&](std::int64_t begin, std::int64_t end) { average_range(begin, end, values, kept, average); });
}

}  // namespace cpu

}  // namespace karyon
