// Gathering, flipping and normalising a batch on the CPU, row by row.
#include "kernels/augment.h"

#include <cstring>

#include "kernels/check.h"
#include "kernels/parallel.h"

namespace karyon::cpu {

void augment_images(Stream& stream, const std::uint8_t* images, const std::int32_t* index, const std::uint8_t* flips,
                    const Normalisation& normalisation, FloatView y) {
  KARYON_CHECK(y.c == 3, "images have three channels");
  const std::int64_t row_bytes = std::int64_t{y.w} * 3;
  parallel_ranges(stream, std::int64_t{y.n} * y.h, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const int n = static_cast<int>(t / y.h), p = static_cast<int>(t % y.h);
      const int flip = flips != nullptr ? flips[n] : 0;
      const int source_row = (flip & 2) != 0 ? y.h - 1 - p : p;
      const std::uint8_t* source = images + (std::int64_t{index[n]} * y.h + source_row) * row_bytes;
      for (int q = 0; q < y.w; ++q) {
        const std::uint8_t* in = source + 3 * ((flip & 1) != 0 ? y.w - 1 - q : q);
        float* out = y.at(n, p, q);
        for (int c = 0; c < 3; ++c) {
          out[c] = static_cast<float>(in[c]) * normalisation.scale[c] + normalisation.shift[c];
        }
      }
    }
  });
}

void augment_labels(Stream& stream, const std::uint8_t* labels, const std::int32_t* index, const std::uint8_t* flips,
                    int count, int h, int w, std::uint8_t* batch) {
  parallel_ranges(stream, std::int64_t{count} * h, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const auto n = t / h, p = t % h;
      const int flip = flips != nullptr ? flips[n] : 0;
      const std::uint8_t* source = labels + (std::int64_t{index[n]} * h + ((flip & 2) != 0 ? h - 1 - p : p)) * w;
      std::uint8_t* out = batch + t * w;
      if ((flip & 1) == 0) {
        std::memcpy(out, source, static_cast<std::size_t>(w));
      } else {
        for (int q = 0; q < w; ++q) out[q] = source[w - 1 - q];
      }
    }
  });
}

}  // namespace karyon::cpu
