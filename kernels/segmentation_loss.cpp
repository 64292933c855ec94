// The segmentation loss on the CPU.
// Invariant: sums are taken over chunks of a fixed number of pixels and merged in order, so the thread count changes no
// bit.
#include "kernels/segmentation_loss.h"

#include <algorithm>
#include <cmath>

#include "kernels/parallel.h"
#include "kernels/segmentation_sums.h"

namespace karyon {

namespace {

constexpr std::int64_t kChunk = 4096;  // pixels

/// A pixel's softmax: class k has probability exp(z_k - most) / sum.
struct PixelSoftmax {
  int best = 0;
  float most, sum = 0.0F, foreground;  // foreground: a probability

  PixelSoftmax(const float* z, int classes) {
    for (int k = 1; k < classes; ++k) best = z[k] > z[best] ? k : best;
    most = z[best];
    float above = 0.0F;
    for (int k = 0; k < classes; ++k) {
      const float e = power(z, k);
      sum += e;
      above += k > 0 ? e : 0.0F;
    }
    foreground = above / sum;
  }
  [[nodiscard]] float power(const float* z, int k) const { return k == best ? 1.0F : std::exp(z[k] - most); }
};

float weight_of(const float* class_weights, int label) {
  return class_weights != nullptr ? class_weights[label] : 1.0F;
}

SegmentationSums chunk_sums(const ConstFloatView& logits, const std::uint8_t* labels, const float* class_weights,
                            std::int64_t begin, std::int64_t end) {
  SegmentationSums sums;
  for (std::int64_t i = begin; i < end; ++i) {
    const float* z = logits.pixel(i);
    const int label = labels[i];
    KARYON_CHECK(label < logits.c, "a label is no class of the model");
    const PixelSoftmax p(z, logits.c);
    sums.add_pixel(label, p.best, weight_of(class_weights, label), std::log(p.sum) + (p.most - z[label]), p.foreground);
  }
  return sums;
}

/// d may be z.
void pixel_gradient(const float* z, int classes, int label, float weight, const SegmentationSlopes& slopes, float* d) {
  const PixelSoftmax p(z, classes);
  const float cross = weight * slopes.cross, inverse = 1.0F / p.sum;
  const float background = p.power(z, 0) * inverse;
  const float dice = (label > 0 ? slopes.of_foreground : slopes.of_background) * background;
  for (int k = 0; k < classes; ++k) {
    const float probability = p.power(z, k) * inverse;
    d[k] = cross * (probability - (k == label ? 1.0F : 0.0F)) + dice * (k > 0 ? probability : -p.foreground);
  }
}

}  // namespace

namespace cpu {

void segmentation_loss(Stream& stream, ConstFloatView logits, const std::uint8_t* labels, const float* class_weights,
                       float dice_weight, FloatView dlogits, XentCounts* counts) {
  KARYON_CHECK(!dlogits || logits.same_shape(dlogits), "the gradient has the logits' shape");
  const std::int64_t pixels = logits.pixels(), chunks = (pixels + kChunk - 1) / kChunk;
  auto* partial = stream.workspace<SegmentationSums>(chunks);
  parallel_ranges(stream, chunks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      partial[k] = chunk_sums(logits, labels, class_weights, k * kChunk, std::min(pixels, (k + 1) * kChunk));
    }
  });
  SegmentationSums sums;
  for (std::int64_t k = 0; k < chunks; ++k) sums.add(partial[k]);
  *counts = sums.result(dice_weight);
  if (!dlogits) return;
  const SegmentationSlopes slopes(sums, dice_weight);
  parallel_ranges(stream, pixels, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      pixel_gradient(logits.pixel(i), logits.c, labels[i], weight_of(class_weights, labels[i]), slopes,
                     dlogits.pixel(i));
    }
  });
}

}  // namespace cpu

}  // namespace karyon
