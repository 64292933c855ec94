// Softmax cross-entropy on CUDA. A thread takes a pixel; with two classes, the model's own case, it takes two pixels
// whose four logits are 16 bytes.
// Invariant: nothing is added in an order that could change. Every thread counts its own pixels, every block stores the
// sum over its threads in the workspace, and a second kernel of one block adds those up.
#include "kernels/simt.h"
#include "kernels/softmax_xent.h"
#include "kernels/xent_tally.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kMostBlocks = 528;  // four for each multiprocessor of an H100: more partial sums would cost more

/// A pixel of two classes: counts it and turns its logits into their gradient.
__device__ inline void take_pixel_of_two(float (&z)[2], int label, float scale, BlockTally& tally) {
  const int best = z[1] > z[0] ? 1 : 0;
  const float most = best == 1 ? z[1] : z[0], other = best == 1 ? z[0] : z[1];
  const float of_label = label > 1 ? no_logit() : label == best ? most : other;
  const float rest = expf(other - most), sum = 1.0F + rest, inverse = 1.0F / sum;
  tally.add_pixel(label, best, logf(sum) + (most - of_label));
  z[0] = ((best == 0 ? 1.0F : rest) * inverse - (label == 0 ? 1.0F : 0.0F)) * scale;
  z[1] = ((best == 1 ? 1.0F : rest) * inverse - (label == 1 ? 1.0F : 0.0F)) * scale;
}

/// Pixels [2 pair, 2 pair + 2) of dense logits of two classes.
__device__ inline void take_pair(std::int64_t pair, const float* logits, const std::uint8_t* labels, float* dlogits,
                                 float scale, BlockTally& tally) {
  float z[4];
  load<4>(logits + 4 * pair, z);
  float first[2] = {z[0], z[1]}, second[2] = {z[2], z[3]};
  take_pixel_of_two(first, labels[2 * pair], scale, tally);
  take_pixel_of_two(second, labels[2 * pair + 1], scale, tally);
  if (dlogits == nullptr) return;
  const float gradient[4] = {first[0], first[1], second[0], second[1]};
  store<4>(dlogits + 4 * pair, gradient);
}

__global__ void xent_of_two_classes(std::int64_t pixels, const float* logits, const std::uint8_t* labels,
                                    float* dlogits, float scale, BlockTally* partial) {
  SHARED(double, losses, kWarp);
  SHARED(int, counts, kWarp* kCounts);
  BlockTally tally;
  const std::int64_t pairs = pixels / 2, step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < pairs; i += step) {
    take_pair(i, logits, labels, dlogits, scale, tally);
  }
  if (pixels % 2 != 0 && blockIdx.x == 0 && threadIdx.x == 0) {  // the last pixel is half a pair
    const std::int64_t last = pixels - 1;
    float z[2];
    load<2>(logits + 2 * last, z);
    take_pixel_of_two(z, labels[last], scale, tally);
    if (dlogits != nullptr) store<2>(dlogits + 2 * last, z);
  }
  const BlockTally sum = sum_over_block(tally, losses, counts);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ void xent_of_classes(ConstFloatView logits, const std::uint8_t* labels, FloatView dlogits, float scale,
                                BlockTally* partial) {
  SHARED(double, losses, kWarp);
  SHARED(int, counts, kWarp* kCounts);
  BlockTally tally;
  const std::int64_t pixels = logits.pixels(), step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < pixels; i += step) {
    take_pixel(logits.pixel(i), logits.c, labels[i], dlogits ? dlogits.pixel(i) : nullptr, scale, tally);
  }
  const BlockTally sum = sum_over_block(tally, losses, counts);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

/// One block: thread t adds the partial sums t, t + threads, ... and the block adds those.
__global__ void add_xent_partials(int blocks, const BlockTally* partial, std::int64_t pixels, XentCounts* counts) {
  SHARED(double, losses, kWarp);
  SHARED(std::int64_t, numbers, kWarp * kCounts);
  Tally<std::int64_t> tally;
  for (int i = static_cast<int>(threadIdx.x); i < blocks; i += static_cast<int>(blockDim.x)) tally.add(partial[i]);
  const Tally<std::int64_t> sum = sum_over_block(tally, losses, numbers);
  if (threadIdx.x == 0) *counts = {sum.loss, pixels, sum.counts[0], sum.counts[1], sum.counts[2], sum.counts[3]};
}

/// Whether two pixels are 16 bytes, behind each other.
template <class T>
bool in_pairs(const View<T>& view) {
  return !view || (view.c == 2 && view.dense() && in_vectors_of(View<T>(view.data, 1, 1, 1, 4), 4));
}

}  // namespace

void finish_xent(const Stream& stream, int blocks, const BlockTally* partial, std::int64_t pixels, XentCounts* counts) {
  LAUNCH(add_xent_partials, 1, kThreads, stream, blocks, partial, pixels, counts);
}

void softmax_xent(Stream& stream, ConstFloatView logits, const std::uint8_t* labels, FloatView dlogits,
                  XentCounts* counts) {
  KARYON_CHECK(!dlogits || logits.same_shape(dlogits), "the gradient has the logits' shape");
  const std::int64_t pixels = logits.pixels();
  const float scale = 1.0F / static_cast<float>(pixels);
  const bool pairs = in_pairs(logits) && in_pairs(dlogits);
  const unsigned blocks = blocks_for(pairs ? pixels / 2 : pixels, kThreads, kMostBlocks);
  auto* partial = stream.workspace<BlockTally>(blocks);
  if (pairs) {
    LAUNCH(xent_of_two_classes, blocks, kThreads, stream, pixels, logits.data, labels, dlogits.data, scale, partial);
  } else {
    LAUNCH(xent_of_classes, blocks, kThreads, stream, logits, labels, dlogits, scale, partial);
  }
  finish_xent(stream, static_cast<int>(blocks), partial, pixels, counts);
}

}  // namespace karyon::cuda
