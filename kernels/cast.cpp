// On the CPU there is one storage type: a copy.
#include "kernels/cast.h"

#include <algorithm>

#include "kernels/parallel.h"

namespace karyon::cpu {

void to_float32(Stream& stream, ConstFloatView x, FloatView y) {
  KARYON_CHECK(x.same_shape(y), "a cast keeps the shape");
  parallel_ranges(stream, x.pixels(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) std::copy_n(x.pixel(i), x.c, y.pixel(i));
  });
}

}  // namespace karyon::cpu
