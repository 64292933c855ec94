// Sums over pixels in two passes: every block adds a range of pixels, then a thread adds a channel's partial sums.
// Invariant: ranges and orders follow from the shape alone, so the bits do.
#include "kernels/check.h"
#include "kernels/partial_sums.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;

__global__ void add_parts_in_order(const float* partial, int parts, std::int64_t count, float* result) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    float sum = 0.0F;
#pragma unroll 8
    for (int part = 0; part < parts; ++part) sum += partial[part * count + i];
    result[i] = sum;
  }
}

/// A block's channels and pixels: `lanes` threads take `count` channels each, the rows of threads take turns over the
/// pixels of the block's range.
template <class T, int count>
__global__ void sum_channels_of_a_range(View<const T> x, int lanes, int pixels_a_range, float* partial) {
  SHARED(float, sums, kThreads* count);
  const int thread = static_cast<int>(threadIdx.x), lane = thread % lanes, row = thread / lanes;
  const int rows = kThreads / lanes;
  const int first_channel = static_cast<int>(blockIdx.x) * lanes * count, channel = first_channel + lane * count;
  const std::int64_t begin = std::int64_t{blockIdx.y} * pixels_a_range;
  const std::int64_t end = begin + pixels_a_range < x.pixels() ? begin + pixels_a_range : x.pixels();
  float sum[count] = {};
  if (channel < x.c) {
#pragma unroll 4
    for (std::int64_t pixel = begin + row; pixel < end; pixel += rows) {
      float values[count];
      load<count>(x.pixel(pixel) + channel, values);
#pragma unroll
      for (int i = 0; i < count; ++i) sum[i] += values[i];
    }
  }
#pragma unroll
  for (int i = 0; i < count; ++i) sums[thread * count + i] = sum[i];
  __syncthreads();
  for (int c = thread; c < lanes * count && first_channel + c < x.c; c += kThreads) {
    float total = 0.0F;
    for (int r = 0; r < rows; ++r) total += sums[r * lanes * count + c];
    partial[std::int64_t{blockIdx.y} * x.c + first_channel + c] = total;
  }
}

template <int count, class T>
void sum_channels_by(Stream& stream, View<const T> x, float* sums) {
  constexpr int kMostLanes = 32, kPixelsAThread = 16, kMostRanges = 128;
  const int groups = (x.c + count - 1) / count;
  int lanes = 1;  // a power of two
  while (lanes < groups && lanes < kMostLanes) lanes *= 2;
  const auto ranges = static_cast<int>(blocks_for(x.pixels(), kThreads / lanes * kPixelsAThread, kMostRanges));
  const auto pixels_a_range = static_cast<int>((x.pixels() + ranges - 1) / ranges);
  auto* partial = stream.workspace<float>(std::int64_t{ranges} * x.c);
  const dim3 grid(static_cast<unsigned>((groups + lanes - 1) / lanes), static_cast<unsigned>(ranges));
  LAUNCH((sum_channels_of_a_range<T, count>), grid, kThreads, stream, x, lanes, pixels_a_range, partial);
  add_partial_sums(stream, partial, ranges, x.c, sums);
}

}  // namespace

void add_partial_sums(const Stream& stream, const float* partial, int parts, std::int64_t count, float* result) {
  LAUNCH(add_parts_in_order, blocks_for(count, kThreads), kThreads, stream, partial, parts, count, result);
}

template <class T>
void sum_channels(Stream& stream, View<const T> x, float* sums) {
  if (in_vectors_of(x, kVector<T>)) {
    sum_channels_by<kVector<T>>(stream, x, sums);
  } else {
    sum_channels_by<1>(stream, x, sums);
  }
}
template void sum_channels<float>(Stream&, ConstFloatView, float*);
template void sum_channels<Bfloat16>(Stream&, View<const Bfloat16>, float*);

}  // namespace karyon::cuda
