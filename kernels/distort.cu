// Distorting a batch on CUDA: a block takes a row, a thread a pixel of it with all its channels.
#include "kernels/distort.h"
#include "kernels/distort_place.h"
#include "kernels/philox.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 128;
constexpr int kChannels = 3;

/// (0, 1].
__device__ inline float uniform(std::uint32_t random) { return (static_cast<float>(random >> 8) + 1.0F) * 0x1p-24F; }

/// Three standard normal numbers of the pixel, by Box and Muller.
__device__ inline void normals(const std::uint32_t (&key)[2], std::uint32_t pixel, float (&three)[kChannels]) {
  const auto random = philox4x32({pixel, 0, 0, 0}, {key[0], key[1]});
  constexpr float kTurn = 6.28318531F;
  const float first = sqrtf(-2.0F * logf(uniform(random[0]))), second = sqrtf(-2.0F * logf(uniform(random[2])));
  three[0] = first * cosf(kTurn * uniform(random[1]));
  three[1] = first * sinf(kTurn * uniform(random[1]));
  three[2] = second * cosf(kTurn * uniform(random[3]));
}

template <class T>
__global__ void distort_image_rows(const std::uint8_t* images, const std::int32_t* index, const std::uint8_t* flips,
                                   const Distortion* distortions, Normalisation normalisation, View<T> y) {
  const std::int64_t rows = std::int64_t{y.n} * y.h;
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const auto n = static_cast<int>(row / y.h), p = static_cast<int>(row % y.h);
    const Distortion d = distortions[index[n]];
    DEVICE_ASSERT(d.transposed == 0 || y.h == y.w);
    const std::uint8_t* image = images + std::int64_t{index[n]} * y.h * y.w * kChannels;
    for (int q = static_cast<int>(threadIdx.x); q < y.w; q += static_cast<int>(blockDim.x)) {
      const SourcePlace place = source_place(p, q, y.h, y.w, flips[n], d);
      float noise[kChannels] = {0.0F, 0.0F, 0.0F};
      if (d.noise > 0.0F) normals(d.key, static_cast<std::uint32_t>(p * y.w + q), noise);
      T* out = y.pixel(row * y.w + q);
#pragma unroll
      for (int c = 0; c < kChannels; ++c) {
        const float value = byte_at(image, y.w, kChannels, c, place) * d.gain[c] + d.shift + d.noise * noise[c];
        const float within = fminf(fmaxf(value, 0.0F), 255.0F);
        out[c] = from_float<T>(within * normalisation.scale[c] + normalisation.shift[c]);
      }
    }
  }
}

__global__ void distort_label_rows(const std::uint8_t* labels, const std::int32_t* index, const std::uint8_t* flips,
                                   const Distortion* distortions, std::int64_t rows, int h, int w,
                                   std::uint8_t* batch) {
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const auto n = static_cast<int>(row / h), p = static_cast<int>(row % h);
    const Distortion d = distortions[index[n]];
    DEVICE_ASSERT(d.transposed == 0 || h == w);
    const std::uint8_t* source = labels + std::int64_t{index[n]} * h * w;
    for (int q = static_cast<int>(threadIdx.x); q < w; q += static_cast<int>(blockDim.x)) {
      const SourcePlace place = source_place(p, q, h, w, flips[n], d);
      batch[row * w + q] = source[std::int64_t{place.row.nearest} * w + place.column.nearest];
    }
  }
}

}  // namespace

template <class T>
void distort_images(Stream& stream, const std::uint8_t* images, const std::int32_t* index, const std::uint8_t* flips,
                    const Distortion* distortions, const Normalisation& normalisation, View<T> y) {
  KARYON_CHECK(y.c == kChannels, "images have three channels");
  LAUNCH(distort_image_rows<T>, blocks_for(std::int64_t{y.n} * y.h, 1), kThreads, stream, images, index, flips,
         distortions, normalisation, y);
}
template void distort_images<float>(Stream&, const std::uint8_t*, const std::int32_t*, const std::uint8_t*,
                                    const Distortion*, const Normalisation&, FloatView);
template void distort_images<Bfloat16>(Stream&, const std::uint8_t*, const std::int32_t*, const std::uint8_t*,
                                       const Distortion*, const Normalisation&, View<Bfloat16>);

void distort_labels(Stream& stream, const std::uint8_t* labels, const std::int32_t* index, const std::uint8_t* flips,
                    const Distortion* distortions, int count, int h, int w, std::uint8_t* batch) {
  const std::int64_t rows = std::int64_t{count} * h;
  LAUNCH(distort_label_rows, blocks_for(rows, 1), kThreads, stream, labels, index, flips, distortions, rows, h, w,
         batch);
}

}  // namespace karyon::cuda
