// Softmax and argmax on the CPU, pixel by pixel.
#include "kernels/softmax.h"

#include <cmath>

#include "kernels/check.h"
#include "kernels/parallel.h"

namespace karyon::cpu {

void softmax(Stream& stream, ConstFloatView logits, FloatView probabilities) {
  KARYON_CHECK(logits.same_shape(probabilities), "softmax keeps the shape");
  parallel_ranges(stream, logits.pixels(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* z = logits.pixel(i);
      float* p = probabilities.pixel(i);
      float most = z[0], sum = 0.0F;
      for (int k = 1; k < logits.c; ++k) most = z[k] > most ? z[k] : most;
      for (int k = 0; k < logits.c; ++k) sum += p[k] = std::exp(z[k] - most);
      for (int k = 0; k < logits.c; ++k) p[k] /= sum;
    }
  });
}

void argmax(Stream& stream, ConstFloatView logits, std::uint8_t* classes) {
  KARYON_CHECK(logits.c <= 256, "a class is stored in a byte");
  parallel_ranges(stream, logits.pixels(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* z = logits.pixel(i);
      int best = 0;
      for (int k = 1; k < logits.c; ++k) best = z[k] > z[best] ? k : best;
      classes[i] = static_cast<std::uint8_t>(best);
    }
  });
}

}  // namespace karyon::cpu
