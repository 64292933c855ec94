// Distorting a batch on the CPU, row by row.
#include "kernels/distort.h"

#include <algorithm>
#include <cmath>

#include "kernels/distort_place.h"
#include "kernels/parallel.h"
#include "kernels/philox.h"

namespace karyon::cpu {

namespace {

/// Three standard normal numbers of the pixel, by Box and Muller.
std::array<float, 3> normals(const std::uint32_t (&key)[2], std::uint32_t pixel) {
  const auto random = philox4x32({pixel, 0, 0, 0}, {key[0], key[1]});
  const auto uniform = [&](std::size_t i) { return (static_cast<float>(random[i] >> 8) + 1.0F) * 0x1p-24F; };  // (0, 1]
  constexpr float kTurn = 6.28318531F;
  const float first = std::sqrt(-2.0F * std::log(uniform(0))), second = std::sqrt(-2.0F * std::log(uniform(2)));
  return {first * std::cos(kTurn * uniform(1)), first * std::sin(kTurn * uniform(1)),
          second * std::cos(kTurn * uniform(3))};
}

void check_transposed(const Distortion& d, int h, int w) {
  KARYON_CHECK(d.transposed == 0 || h == w, "square images alone are transposed");
}

}  // namespace

void distort_images(Stream& stream, const std::uint8_t* images, const std::int32_t* index, const std::uint8_t* flips,
                    const Distortion* distortions, const Normalisation& normalisation, FloatView y) {
  KARYON_CHECK(y.c == 3, "images have three channels");
  parallel_ranges(stream, std::int64_t{y.n} * y.h, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const int n = static_cast<int>(t / y.h), p = static_cast<int>(t % y.h);
      const Distortion& d = distortions[index[n]];
      check_transposed(d, y.h, y.w);
      const std::uint8_t* image = images + std::int64_t{index[n]} * y.h * y.w * 3;
      for (int q = 0; q < y.w; ++q) {
        const SourcePlace place = source_place(p, q, y.h, y.w, flips[n], d);
        std::array<float, 3> noise{};
        if (d.noise > 0) noise = normals(d.key, static_cast<std::uint32_t>(p * y.w + q));
        float* out = y.at(n, p, q);
        for (int c = 0; c < 3; ++c) {
          const float value =
              byte_at(image, y.w, 3, c, place) * d.gain[c] + d.shift + d.noise * noise[static_cast<std::size_t>(c)];
          out[c] = std::clamp(value, 0.0F, 255.0F) * normalisation.scale[c] + normalisation.shift[c];
        }
      }
    }
  });
}

void distort_labels(Stream& stream, const std::uint8_t* labels, const std::int32_t* index, const std::uint8_t* flips,
                    const Distortion* distortions, int count, int h, int w, std::uint8_t* batch) {
  parallel_ranges(stream, std::int64_t{count} * h, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const int n = static_cast<int>(t / h), p = static_cast<int>(t % h);
      const Distortion& d = distortions[index[n]];
      check_transposed(d, h, w);
      const std::uint8_t* source = labels + std::int64_t{index[n]} * h * w;
      for (int q = 0; q < w; ++q) {
        const SourcePlace place = source_place(p, q, h, w, flips[n], d);
        batch[t * w + q] = source[std::int64_t{place.row.nearest} * w + place.column.nearest];
      }
    }
  });
}

}  // namespace karyon::cpu
