// The way back of batch norm on CUDA: two sums a channel in two passes, then one pass that writes dx.
//   g = dy * act'(y), with y computed again from x;  dbeta = sum g;  dgamma = sum g xhat
//   dx = gamma inv_std (g - dbeta / pixels - xhat dgamma / pixels)
// Invariant: threads and blocks are added in a fixed order. dy and x are read twice and dx written once.
#include "kernels/batch_norm.h"
#include "kernels/channel_tiles.h"
#include "kernels/simt.h"

namespace karyon::cuda {

namespace {

/// What a channel is normalised by.
struct NormChannels {
  const float *gamma, *beta, *mean, *inv_std;
};

/// A thread's channels of it.
template <int count>
struct OwnChannels {
  float mean[count], inv_std[count], scale[count], shift[count];

  __device__ explicit OwnChannels(const NormChannels& all, int channel) {
#pragma unroll
    for (int k = 0; k < count; ++k) {
      mean[k] = all.mean[channel + k];
      inv_std[k] = all.inv_std[channel + k];
      scale[k] = all.gamma[channel + k] * inv_std[k];
      shift[k] = all.beta[channel + k] - mean[k] * scale[k];
    }
  }
  /// dy of channel k where x is its input, behind the activation's slope.
  __device__ float through_activation(Activation act, float dy, float x, int k) const {
    return activation_gradient(act, dy, activate(act, x * scale[k] + shift[k]));
  }
};

/// partial[chunk][2][c]: the sums of g and of g xhat over the chunk's pixels.
template <class T, int count>
__global__ void batch_norm_partial_gradients(View<const T> dy, View<const T> x, NormChannels all, Activation act,
                                             float* partial) {
  SHARED(float, scratch, kTileThreads* count);
  const TilePlace place = tile_place();
  const int channel = place.group * count;
  float sum[count] = {}, xhat_sum[count] = {};
  if (channel < x.c) {
    const OwnChannels<count> own(all, channel);
    for (std::int64_t p = place.pixel; p < x.pixels(); p += place.step) {
      float gradient[count], values[count];
      load<count>(dy.pixel(p) + channel, gradient);
      load<count>(x.pixel(p) + channel, values);
#pragma unroll
      for (int k = 0; k < count; ++k) {
        const float g = own.through_activation(act, gradient[k], values[k], k);
        sum[k] += g;
        xhat_sum[k] += g * ((values[k] - own.mean[k]) * own.inv_std[k]);
      }
    }
  }
  sum_over_rows(sum, scratch);
  sum_over_rows(xhat_sum, scratch);
  if (threadIdx.y != 0 || channel >= x.c) return;
  float* to = partial + std::int64_t{blockIdx.x} * 2 * x.c + channel;
  for (int k = 0; k < count; ++k) {
    to[k] = sum[k];
    to[x.c + k] = xhat_sum[k];
  }
}

/// A block for 32 channels: its rows of threads take every eighth chunk, the first row adds them, in double.
__global__ void batch_norm_finish_gradients(const float* partial, int channels, int chunks, float* dgamma,
                                            float* dbeta) {
  SHARED(double, sums, kTileThreads);
  SHARED(double, xhat_sums, kTileThreads);
  const int channel = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
  double sum = 0, xhat_sum = 0;
  for (int chunk = static_cast<int>(threadIdx.y); channel < channels && chunk < chunks;
       chunk += static_cast<int>(blockDim.y)) {
    const float* from = partial + std::int64_t{chunk} * 2 * channels + channel;
    sum += static_cast<double>(from[0]);
    xhat_sum += static_cast<double>(from[channels]);
  }
  sums[thread] = sum;
  xhat_sums[thread] = xhat_sum;
  __syncthreads();
  if (threadIdx.y != 0 || channel >= channels) return;
  for (int row = 1; row < static_cast<int>(blockDim.y); ++row) {
    sum += sums[thread + row * static_cast<int>(blockDim.x)];
    xhat_sum += xhat_sums[thread + row * static_cast<int>(blockDim.x)];
  }
  dbeta[channel] = static_cast<float>(sum);
  dgamma[channel] = static_cast<float>(xhat_sum);
}

template <class T, int count>
__global__ void batch_norm_input_gradient(View<const T> dy, View<const T> x, NormChannels all, const float* dgamma,
                                          const float* dbeta, Activation act, View<T> dx) {
  const TilePlace place = tile_place();
  const int channel = place.group * count;
  if (channel >= x.c) return;
  const OwnChannels<count> own(all, channel);
  const float inverse = 1.0F / static_cast<float>(x.pixels());
  float offset[count], slope[count];
#pragma unroll
  for (int k = 0; k < count; ++k) {
    offset[k] = dbeta[channel + k] * inverse;
    slope[k] = dgamma[channel + k] * inverse * own.inv_std[k];
  }
  for (std::int64_t p = place.pixel; p < x.pixels(); p += place.step) {
    float gradient[count], values[count];
    load<count>(dy.pixel(p) + channel, gradient);
    load<count>(x.pixel(p) + channel, values);
#pragma unroll
    for (int k = 0; k < count; ++k) {
      const float g = own.through_activation(act, gradient[k], values[k], k);
      gradient[k] = own.scale[k] * (g - offset[k] - (values[k] - own.mean[k]) * slope[k]);
    }
    store<count>(dx.pixel(p) + channel, gradient);
  }
}

template <class T, int count>
void backward(Stream& stream, View<const T> dy, View<const T> x, const NormChannels& channels, Activation act,
              View<T> dx, float* dgamma, float* dbeta) {
  const ChannelTiles tiles = plan_tiles(x.pixels(), x.c / count);
  auto* partial = stream.workspace<float>(std::int64_t{2} * tiles.chunks * x.c);
  LAUNCH((batch_norm_partial_gradients<T, count>), tiles.grid(), tiles.block(), stream, dy, x, channels, act, partial);
  LAUNCH(batch_norm_finish_gradients, blocks_for(x.c, kWarp), dim3(kWarp, kTileThreads / kWarp), stream, partial, x.c,
         tiles.chunks, dgamma, dbeta);
  if (!dx) return;
  LAUNCH((batch_norm_input_gradient<T, count>), tiles.grid(), tiles.block(), stream, dy, x, channels, dgamma, dbeta,
         act, dx);
}

}  // namespace

template <class T>
void batch_norm_backward(Stream& stream, View<const T> dy, View<const T> x, const float* gamma, const float* beta,
                         const float* mean, const float* inv_std, Activation act, View<T> dx, float* dgamma,
                         float* dbeta) {
  KARYON_CHECK(dy.same_shape(x) && (!dx || dx.same_shape(x)) && x.size() > 0, "a batch norm keeps the shape");
  const NormChannels channels{gamma, beta, mean, inv_std};
  constexpr int kWide = kVector<T>;
  if (in_vectors_of(x, kWide) && in_vectors_of(dy, kWide) && in_vectors_of(dx, kWide)) {
    backward<T, kWide>(stream, dy, x, channels, act, dx, dgamma, dbeta);
  } else {
    backward<T, 1>(stream, dy, x, channels, act, dx, dgamma, dbeta);
  }
}
template void batch_norm_backward<float>(Stream&, ConstFloatView, ConstFloatView, const float*, const float*,
                                         const float*, const float*, Activation, FloatView, float*, float*);
template void batch_norm_backward<Bfloat16>(Stream&, View<const Bfloat16>, View<const Bfloat16>, const float*,
                                            const float*, const float*, const float*, Activation, View<Bfloat16>,
                                            float*, float*);

}  // namespace karyon::cuda
