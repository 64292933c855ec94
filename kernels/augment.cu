// Gathering, flipping and normalising a batch on CUDA: a block takes a row, so that where the row comes from is found
// once and no thread divides by the width. A thread takes neighbouring elements of the row, 16 bytes of the result
// where it is dense, one element where it is not.
#include "kernels/augment.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 128;
constexpr int kChannels = 3;

/// Where a row of the batch comes from.
struct SourceRow {
  std::int64_t row;  // in all images, each of h rows
  bool mirrored;
};

__device__ inline SourceRow source_row(std::int64_t row, int h, const std::int32_t* index, const std::uint8_t* flips) {
  const auto image = static_cast<int>(row / h), p = static_cast<int>(row % h);
  const int flip = flips != nullptr ? flips[image] : 0;
  return {std::int64_t{index[image]} * h + ((flip & 2) != 0 ? h - 1 - p : p), (flip & 1) != 0};
}

/// three[channel] out of registers, which cannot be indexed.
__device__ inline float of_channel(const float (&three)[kChannels], int channel) {
  return channel == 0 ? three[0] : channel == 1 ? three[1] : three[2];
}

template <class T, int count>
__global__ void augment_image_rows(const std::uint8_t* images, const std::int32_t* index, const std::uint8_t* flips,
                                   Normalisation normalisation, View<T> y) {
  const std::int64_t rows = std::int64_t{y.n} * y.h;
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const SourceRow from = source_row(row, y.h, index, flips);
    const std::uint8_t* source = images + from.row * y.w * kChannels;
    T* destination = y.pixel(row * y.w);
    for (int i = static_cast<int>(threadIdx.x) * count; i < y.w * kChannels;
         i += static_cast<int>(blockDim.x) * count) {
      float values[count];
#pragma unroll
      for (int k = 0; k < count; ++k) {
        const int q = (i + k) / kChannels, channel = (i + k) % kChannels;
        const int source_q = from.mirrored ? y.w - 1 - q : q;
        const auto byte = static_cast<float>(source[source_q * kChannels + channel]);
        values[k] = byte * of_channel(normalisation.scale, channel) + of_channel(normalisation.shift, channel);
      }
      store<count>(destination + i / kChannels * y.pitch + i % kChannels, values);
    }
  }
}

__global__ void augment_label_rows(const std::uint8_t* labels, const std::int32_t* index, const std::uint8_t* flips,
                                   std::int64_t rows, int h, int w, std::uint8_t* batch) {
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const SourceRow from = source_row(row, h, index, flips);
    const std::uint8_t* source = labels + from.row * w;
    for (int q = static_cast<int>(threadIdx.x); q < w; q += static_cast<int>(blockDim.x)) {
      batch[row * w + q] = source[from.mirrored ? w - 1 - q : q];
    }
  }
}

/// Whether every row of a dense image is a whole number of 16 bytes.
template <class T>
bool rows_in_vectors(const View<T>& y) {
  return y.dense() && in_vectors_of(View<T>(y.data, y.n, y.h, 1, y.w * y.c), kVector<T>);
}

}  // namespace

template <class T>
void augment_images(Stream& stream, const std::uint8_t* images, const std::int32_t* index, const std::uint8_t* flips,
                    const Normalisation& normalisation, View<T> y) {
  KARYON_CHECK(y.c == kChannels, "images have three channels");
  const unsigned blocks = blocks_for(std::int64_t{y.n} * y.h, 1);
  if (rows_in_vectors(y)) {
    LAUNCH((augment_image_rows<T, kVector<T>>), blocks, kThreads, stream, images, index, flips, normalisation, y);
  } else {
    LAUNCH((augment_image_rows<T, 1>), blocks, kThreads, stream, images, index, flips, normalisation, y);
  }
}
template void augment_images<float>(Stream&, const std::uint8_t*, const std::int32_t*, const std::uint8_t*,
                                    const Normalisation&, FloatView);
template void augment_images<Bfloat16>(Stream&, const std::uint8_t*, const std::int32_t*, const std::uint8_t*,
                                       const Normalisation&, View<Bfloat16>);

void augment_labels(Stream& stream, const std::uint8_t* labels, const std::int32_t* index, const std::uint8_t* flips,
                    int count, int h, int w, std::uint8_t* batch) {
  const std::int64_t rows = std::int64_t{count} * h;
  LAUNCH(augment_label_rows, blocks_for(rows, 1), kThreads, stream, labels, index, flips, rows, h, w, batch);
}

}  // namespace karyon::cuda
