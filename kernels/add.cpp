// Addition on the CPU: rows of channels, shared out over the threads.
#include "kernels/add.h"

#include "kernels/check.h"
#include "kernels/parallel.h"

namespace karyon {

namespace {

KARYON_CLONES void add_row(const float* a, const float* b, int channels, float* y) {
#pragma GCC ivdep
  for (int c = 0; c < channels; ++c) y[c] = a[c] + b[c];
}

}  // namespace

namespace cpu {

void add(Stream& stream, ConstFloatView a, ConstFloatView b, FloatView y) {
  KARYON_CHECK(a.same_shape(b) && a.same_shape(y), "the terms of a sum differ in shape");
  parallel_ranges(stream, a.pixels(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) add_row(a.pixel(i), b.pixel(i), a.c, y.pixel(i));
  });
}

}  // namespace cpu

}  // namespace karyon
