// The segmentation loss on CUDA: a pass for the sums, one block that adds them up, and a pass for the gradient, which
// reads them where they lie. A thread takes a pixel.
// Invariant: nothing is added in an order that could change. Every thread adds its own pixels, every block stores the
// sum over its threads in the workspace, and a second kernel of one block adds those.
#include "kernels/segmentation_loss.h"
#include "kernels/segmentation_sums.h"
#include "kernels/simt.h"
#include "kernels/xent_tally.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kMostBlocks = 528;  // four for each multiprocessor of an H100: more partial sums would cost more

/// A pixel's softmax: class k has probability exp(z_k - most) / sum.
struct PixelSoftmax {
  int best = 0;
  float most, sum = 0.0F, foreground;  // foreground: a probability

  __device__ PixelSoftmax(const float* z, int classes) {
    most = z[0];
    for (int k = 1; k < classes; ++k) {
      if (z[k] > most) {
        best = k;
        most = z[k];
      }
    }
    float above = 0.0F;
    for (int k = 0; k < classes; ++k) {
      const float e = power(z, k);
      sum += e;
      above += k > 0 ? e : 0.0F;
    }
    foreground = above / sum;
  }
  [[nodiscard]] __device__ float power(const float* z, int k) const { return k == best ? 1.0F : expf(z[k] - most); }
};

__device__ inline float weight_of(const float* class_weights, int classes, int label) {
  return label >= classes ? no_logit() : class_weights != nullptr ? class_weights[label] : 1.0F;
}

/// The sums over the block, valid in thread 0 alone, behind a single barrier. Scratch, used once: kWarp *
/// kSegmentationSums elements of shared memory.
__device__ inline SegmentationSums block_sums(const SegmentationSums& mine, double* scratch) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
#pragma unroll
  for (int k = 0; k < kSegmentationSums; ++k) {
    const double sum = warp_sum(mine.of[k]);
    if (lane == 0) scratch[warp * kSegmentationSums + k] = sum;
  }
  __syncthreads();
  SegmentationSums total;
  if (threadIdx.x != 0) return total;
  for (int i = 0; i < static_cast<int>(blockDim.x) / kWarp; ++i) {
#pragma unroll
    for (int k = 0; k < kSegmentationSums; ++k) total.of[k] += scratch[i * kSegmentationSums + k];
  }
  return total;
}

__global__ void sum_segmentation(ConstFloatView logits, const std::uint8_t* labels, const float* class_weights,
                                 SegmentationSums* partial) {
  SHARED(double, scratch, kWarp* kSegmentationSums);
  SegmentationSums mine;
  const std::int64_t pixels = logits.pixels(), step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < pixels; i += step) {
    const float* z = logits.pixel(i);
    const int label = labels[i];
    const PixelSoftmax p(z, logits.c);
    const float of_label = label < logits.c ? z[label] : no_logit();
    mine.add_pixel(label, p.best, weight_of(class_weights, logits.c, label), logf(p.sum) + (p.most - of_label),
                   p.foreground);
  }
  const SegmentationSums total = block_sums(mine, scratch);
  if (threadIdx.x == 0) partial[blockIdx.x] = total;
}

/// One block: thread t adds the partial sums t, t + threads, ... and the block adds those.
__global__ void add_segmentation_sums(int blocks, const SegmentationSums* partial, float dice_weight,
                                      SegmentationSums* all, XentCounts* counts) {
  SHARED(double, scratch, kWarp* kSegmentationSums);
  SegmentationSums mine;
  for (int i = static_cast<int>(threadIdx.x); i < blocks; i += static_cast<int>(blockDim.x)) mine.add(partial[i]);
  const SegmentationSums total = block_sums(mine, scratch);
  if (threadIdx.x != 0) return;  // no barrier follows
  *all = total;
  *counts = total.result(dice_weight);
}

__global__ void segmentation_gradient(ConstFloatView logits, const std::uint8_t* labels, const float* class_weights,
                                      float dice_weight, const SegmentationSums* all, FloatView dlogits) {
  const SegmentationSlopes slopes(*all, dice_weight);
  const std::int64_t pixels = logits.pixels(), step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < pixels; i += step) {
    const float* z = logits.pixel(i);
    float* d = dlogits.pixel(i);
    const int label = labels[i];
    const PixelSoftmax p(z, logits.c);
    const float cross = weight_of(class_weights, logits.c, label) * slopes.cross, inverse = 1.0F / p.sum;
    const float background = p.power(z, 0) * inverse;
    const float dice = (label > 0 ? slopes.of_foreground : slopes.of_background) * background;
    for (int k = 0; k < logits.c; ++k) {
      const float probability = p.power(z, k) * inverse;
      d[k] = cross * (probability - (k == label ? 1.0F : 0.0F)) + dice * (k > 0 ? probability : -p.foreground);
    }
  }
}

}  // namespace

void segmentation_loss(Stream& stream, ConstFloatView logits, const std::uint8_t* labels, const float* class_weights,
                       float dice_weight, FloatView dlogits, XentCounts* counts) {
  KARYON_CHECK(!dlogits || logits.same_shape(dlogits), "the gradient has the logits' shape");
  const unsigned blocks = blocks_for(logits.pixels(), kThreads, kMostBlocks);
  auto* partial = stream.workspace<SegmentationSums>(std::int64_t{blocks} + 1);
  SegmentationSums* all = partial + blocks;
  LAUNCH(sum_segmentation, blocks, kThreads, stream, logits, labels, class_weights, partial);
  LAUNCH(add_segmentation_sums, 1, kThreads, stream, static_cast<int>(blocks), partial, dice_weight, all, counts);
  if (!dlogits) return;
  LAUNCH(segmentation_gradient, blocks, kThreads, stream, logits, labels, class_weights, dice_weight, all, dlogits);
}

}  // namespace karyon::cuda
