// Softmax cross-entropy on the CPU.
// Invariant: sums are taken over chunks of a fixed number of pixels and merged in order, so the thread count changes no
// bit.
#include "kernels/softmax_xent.h"

#include <algorithm>
#include <cmath>

#include "kernels/check.h"
#include "kernels/parallel.h"

namespace karyon {

namespace {

constexpr std::int64_t kChunk = 4096;  // pixels

XentCounts chunk_xent(const ConstFloatView& logits, const std::uint8_t* labels, const FloatView& dlogits,
                      std::int64_t begin, std::int64_t end, float scale) {
  XentCounts counts;
  counts.pixels = end - begin;
  for (std::int64_t i = begin; i < end; ++i) {
    const float* z = logits.pixel(i);
    const int label = labels[i];
    KARYON_CHECK(label < logits.c, "a label is no class of the model");
    int best = 0;
    for (int k = 1; k < logits.c; ++k) best = z[k] > z[best] ? k : best;
    const float most = z[best], of_label = z[label];
    float sum = 0.0F;
    for (int k = 0; k < logits.c; ++k) sum += k == best ? 1.0F : std::exp(z[k] - most);
    counts.loss_sum += static_cast<double>(std::log(sum) + (most - of_label));
    counts.correct += best == label ? 1 : 0;
    counts.true_foreground += label > 0 ? 1 : 0;
    counts.predicted_foreground += best > 0 ? 1 : 0;
    counts.common_foreground += label > 0 && best > 0 ? 1 : 0;
    if (dlogits) {
      float* d = dlogits.pixel(i);
      const float inverse = 1.0F / sum;
      for (int k = 0; k < logits.c; ++k) {
        const float p = (k == best ? 1.0F : std::exp(z[k] - most)) * inverse;
        d[k] = (p - (k == label ? 1.0F : 0.0F)) * scale;
      }
    }
  }
  return counts;
}

}  // namespace

namespace cpu {

void softmax_xent(Stream& stream, ConstFloatView logits, const std::uint8_t* labels, FloatView dlogits,
                  XentCounts* counts) {
  KARYON_CHECK(!dlogits || logits.same_shape(dlogits), "the gradient has the logits' shape");
  const std::int64_t pixels = logits.pixels(), chunks = (pixels + kChunk - 1) / kChunk;
  auto* partial = stream.workspace<XentCounts>(chunks);
  const float scale = 1.0F / static_cast<float>(pixels);
  parallel_ranges(stream, chunks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      partial[k] = chunk_xent(logits, labels, dlogits, k * kChunk, std::min(pixels, (k + 1) * kChunk), scale);
    }
  });
  *counts = {};
  for (std::int64_t k = 0; k < chunks; ++k) {
    counts->loss_sum += partial[k].loss_sum;
    counts->pixels += partial[k].pixels;
    counts->correct += partial[k].correct;
    counts->true_foreground += partial[k].true_foreground;
    counts->predicted_foreground += partial[k].predicted_foreground;
    counts->common_foreground += partial[k].common_foreground;
  }
}

}  // namespace cpu

}  // namespace karyon
