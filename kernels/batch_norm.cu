// Batch norm on CUDA: statistics in two passes, then one pass that applies them.
// Invariant: a thread takes its pixels' moments around the first of them, so that nothing cancels; moments of threads
// and blocks are merged in a fixed order (Chan, Golub and LeVeque 1979), those of blocks in double. x is read twice and
// y written once. batch_norm_backward.cu has the way back.
#include "kernels/batch_norm.h"
#include "kernels/channel_tiles.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

/// Mean and sum of squared deviations of `count` numbers.
template <class Real>
struct Moments {
  Real count, mean, m2;
};

template <class Real>
__device__ inline Moments<Real> merged(const Moments<Real>& a, const Moments<Real>& b) {
  const Real count = a.count + b.count;
  if (count == 0) return a;
  const Real apart = b.mean - a.mean, share = b.count / count;
  return {count, a.mean + apart * share, a.m2 + b.m2 + apart * apart * a.count * share};
}

/// partial[chunk][2][c]: mean and m2 of the chunk's pixels.
template <class T, int count>
__global__ void batch_norm_partial_moments(View<const T> x, float* partial) {
  SHARED(float, counts, kTileThreads);
  SHARED(float, means, kTileThreads* count);
  SHARED(float, m2s, kTileThreads* count);
  const TilePlace place = tile_place();
  const int channel = place.group * count, thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
  const bool active = channel < x.c && place.pixel < x.pixels();
  float first[count] = {}, sum[count] = {}, squares[count] = {}, taken = 0;
  if (active) load<count>(x.pixel(place.pixel) + channel, first);
  for (std::int64_t p = place.pixel; active && p < x.pixels(); p += place.step) {
    float values[count];
    load<count>(x.pixel(p) + channel, values);
#pragma unroll
    for (int k = 0; k < count; ++k) {
      const float d = values[k] - first[k];
      sum[k] += d;
      squares[k] += d * d;
    }
    taken += 1;
  }
  counts[thread] = taken;
#pragma unroll
  for (int k = 0; k < count; ++k) {
    const float mean = taken > 0 ? sum[k] / taken : 0.0F;
    means[k * kTileThreads + thread] = first[k] + mean;
    m2s[k * kTileThreads + thread] = fmaxf(squares[k] - sum[k] * mean, 0.0F);
  }
  for (int rows = static_cast<int>(blockDim.y) / 2; rows > 0; rows /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.y) >= rows) continue;
    const int other = thread + rows * static_cast<int>(blockDim.x);
    for (int k = 0; k < count; ++k) {
      float &mean = means[k * kTileThreads + thread], &m2 = m2s[k * kTileThreads + thread];
      const Moments<float> both = merged<float>(
          {counts[thread], mean, m2}, {counts[other], means[k * kTileThreads + other], m2s[k * kTileThreads + other]});
      mean = both.mean;
      m2 = both.m2;
    }
    counts[thread] += counts[other];
  }
  if (threadIdx.y != 0 || channel >= x.c) return;
  float* to = partial + std::int64_t{blockIdx.x} * 2 * x.c + channel;
  for (int k = 0; k < count; ++k) {
    to[k] = means[k * kTileThreads + thread];
    to[x.c + k] = m2s[k * kTileThreads + thread];
  }
}

/// What batch_norm_finish_statistics writes, and how the chunks were cut.
struct StatisticsJob {
  const float* partial;
  std::int64_t pixels;
  int channels, chunks, rows;
  float epsilon, momentum;
  float *mean, *inv_std, *moving_mean, *moving_variance;
};

/// A block for 32 channels: its rows of threads take every eighth chunk, the first row merges them.
__global__ void batch_norm_finish_statistics(StatisticsJob job) {
  SHARED(double, counts, kTileThreads);
  SHARED(double, means, kTileThreads);
  SHARED(double, m2s, kTileThreads);
  const int channel = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
  Moments<double> own{0, 0, 0};
  for (int chunk = static_cast<int>(threadIdx.y); channel < job.channels && chunk < job.chunks;
       chunk += static_cast<int>(blockDim.y)) {
    const float* from = job.partial + std::int64_t{chunk} * 2 * job.channels + channel;
    own = merged(own, Moments<double>{static_cast<double>(pixels_of_chunk(job.pixels, chunk, job.chunks, job.rows)),
                                      static_cast<double>(from[0]), static_cast<double>(from[job.channels])});
  }
  counts[thread] = own.count;
  means[thread] = own.mean;
  m2s[thread] = own.m2;
  __syncthreads();
  if (threadIdx.y != 0 || channel >= job.channels) return;
  for (int row = 1; row < static_cast<int>(blockDim.y); ++row) {
    const int other = thread + row * static_cast<int>(blockDim.x);
    own = merged(own, Moments<double>{counts[other], means[other], m2s[other]});
  }
  const double variance = own.m2 / own.count;
  job.mean[channel] = static_cast<float>(own.mean);
  job.inv_std[channel] = static_cast<float>(1.0 / sqrt(variance + static_cast<double>(job.epsilon)));
  if (job.moving_mean == nullptr) return;
  const double keep = static_cast<double>(job.momentum);
  job.moving_mean[channel] =
      static_cast<float>(static_cast<double>(job.moving_mean[channel]) * keep + own.mean * (1 - keep));
  job.moving_variance[channel] =
      static_cast<float>(static_cast<double>(job.moving_variance[channel]) * keep + variance * (1 - keep));
}

/// y = act(x scale + shift). spread: inv_std, or the variance where `is_variance`, as in inference.
template <class T, int count>
__global__ void batch_norm_apply(View<const T> x, const float* gamma, const float* beta, const float* mean,
                                 const float* spread, bool is_variance, float epsilon, Activation act, View<T> y) {
  const TilePlace place = tile_place();
  const int channel = place.group * count;
  if (channel >= x.c) return;
  float scale[count], shift[count];
#pragma unroll
  for (int k = 0; k < count; ++k) {
    const float s = spread[channel + k], inv_std = is_variance ? 1.0F / sqrtf(s + epsilon) : s;
    scale[k] = gamma[channel + k] * inv_std;
    shift[k] = beta[channel + k] - mean[channel + k] * scale[k];
  }
  for (std::int64_t p = place.pixel; p < x.pixels(); p += place.step) {
    float values[count];
    load<count>(x.pixel(p) + channel, values);
#pragma unroll
    for (int k = 0; k < count; ++k) values[k] = activate(act, values[k] * scale[k] + shift[k]);
    store<count>(y.pixel(p) + channel, values);
  }
}

template <class T, int count>
void forward(Stream& stream, View<const T> x, const float* gamma, const float* beta, float epsilon, float momentum,
             Activation act, View<T> y, float* mean, float* inv_std, float* moving_mean, float* moving_variance) {
  const ChannelTiles tiles = plan_tiles(x.pixels(), x.c / count);
  auto* partial = stream.workspace<float>(std::int64_t{2} * tiles.chunks * x.c);
  LAUNCH((batch_norm_partial_moments<T, count>), tiles.grid(), tiles.block(), stream, x, partial);
  const StatisticsJob job{partial,  x.pixels(), x.c,     tiles.chunks, tiles.rows,     epsilon,
                          momentum, mean,       inv_std, moving_mean,  moving_variance};
  LAUNCH(batch_norm_finish_statistics, blocks_for(x.c, kWarp), dim3(kWarp, kTileThreads / kWarp), stream, job);
  LAUNCH((batch_norm_apply<T, count>), tiles.grid(), tiles.block(), stream, x, gamma, beta, mean, inv_std, false,
         epsilon, act, y);
}

}  // namespace

template <class T>
void batch_norm_forward(Stream& stream, View<const T> x, const float* gamma, const float* beta, float epsilon,
                        float momentum, Activation act, View<T> y, float* mean, float* inv_std, float* moving_mean,
                        float* moving_variance) {
  KARYON_CHECK(x.same_shape(y) && x.size() > 0, "a batch norm keeps the shape");
  KARYON_CHECK((moving_mean == nullptr) == (moving_variance == nullptr), "both moving statistics, or neither");
  constexpr int kWide = kVector<T>;
  if (in_vectors_of(x, kWide) && in_vectors_of(y, kWide)) {
    forward<T, kWide>(stream, x, gamma, beta, epsilon, momentum, act, y, mean, inv_std, moving_mean, moving_variance);
  } else {
    forward<T, 1>(stream, x, gamma, beta, epsilon, momentum, act, y, mean, inv_std, moving_mean, moving_variance);
  }
}

template <class T>
void batch_norm_inference(Stream& stream, View<const T> x, const float* gamma, const float* beta,
                          const float* moving_mean, const float* moving_variance, float epsilon, Activation act,
                          View<T> y) {
  KARYON_CHECK(x.same_shape(y), "a batch norm keeps the shape");
  constexpr int kWide = kVector<T>;
  if (in_vectors_of(x, kWide) && in_vectors_of(y, kWide)) {
    const ChannelTiles tiles = plan_tiles(x.pixels(), x.c / kWide);
    LAUNCH((batch_norm_apply<T, kWide>), tiles.grid(), tiles.block(), stream, x, gamma, beta, moving_mean,
           moving_variance, true, epsilon, act, y);
  } else {
    const ChannelTiles tiles = plan_tiles(x.pixels(), x.c);
    LAUNCH((batch_norm_apply<T, 1>), tiles.grid(), tiles.block(), stream, x, gamma, beta, moving_mean, moving_variance,
           true, epsilon, act, y);
  }
}

#define INSTANTIATE(T)                                                                                              \
  template void batch_norm_forward<T>(Stream&, View<const T>, const float*, const float*, float, float, Activation, \
                                      View<T>, float*, float*, float*, float*);                                     \
  template void batch_norm_inference<T>(Stream&, View<const T>, const float*, const float*, const float*,           \
                                        const float*, float, Activation, View<T>);
INSTANTIATE(float)
INSTANTIATE(Bfloat16)
#undef INSTANTIATE

}  // namespace karyon::cuda
