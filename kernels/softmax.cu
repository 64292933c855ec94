// Softmax and argmax on CUDA: a thread a pixel. The two logits of the model's own case are read in one access.
// Invariant: a pixel's logits are read before its first probability is written, or again by the same thread at the same
// place, so probabilities may be logits.
#include "kernels/simt.h"
#include "kernels/softmax.h"

namespace karyon::cuda {

namespace {

constexpr int kThreads = 256;

__global__ void softmax_of_two_classes(ConstFloatView logits, FloatView probabilities) {
  const std::int64_t pixels = logits.pixels(), step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < pixels; i += step) {
    float z[2];
    load<2>(logits.pixel(i), z);
    const float most = z[1] > z[0] ? z[1] : z[0];
    const float first = expf(z[0] - most), second = expf(z[1] - most), sum = first + second;
    const float p[2] = {first / sum, second / sum};
    store<2>(probabilities.pixel(i), p);
  }
}

__global__ void softmax_of_classes(ConstFloatView logits, FloatView probabilities) {
  const std::int64_t pixels = logits.pixels(), step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < pixels; i += step) {
    const float* z = logits.pixel(i);
    float* p = probabilities.pixel(i);
    float most = z[0], sum = 0.0F;
    for (int k = 1; k < logits.c; ++k) most = z[k] > most ? z[k] : most;
    for (int k = 0; k < logits.c; ++k) sum += expf(z[k] - most);
    for (int k = 0; k < logits.c; ++k) p[k] = expf(z[k] - most) / sum;
  }
}

__global__ void argmax_of_two_classes(ConstFloatView logits, std::uint8_t* classes) {
  const std::int64_t pixels = logits.pixels(), step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < pixels; i += step) {
    float z[2];
    load<2>(logits.pixel(i), z);
    classes[i] = z[1] > z[0] ? 1 : 0;
  }
}

__global__ void argmax_of_classes(ConstFloatView logits, std::uint8_t* classes) {
  const std::int64_t pixels = logits.pixels(), step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < pixels; i += step) {
    const float* z = logits.pixel(i);
    int best = 0;
    float most = z[0];
    for (int k = 1; k < logits.c; ++k) {
      if (z[k] > most) {
        best = k;
        most = z[k];
      }
    }
    classes[i] = static_cast<std::uint8_t>(best);
  }
}

template <class T>
bool of_two_classes(const View<T>& view) {
  return view.c == 2 && in_vectors_of(view, 2);
}

}  // namespace

void softmax(Stream& stream, ConstFloatView logits, FloatView probabilities) {
  KARYON_CHECK(logits.same_shape(probabilities), "softmax keeps the shape");
  const unsigned blocks = blocks_for(logits.pixels(), kThreads);
  if (of_two_classes(logits) && of_two_classes(probabilities)) {
    LAUNCH(softmax_of_two_classes, blocks, kThreads, stream, logits, probabilities);
  } else {
    LAUNCH(softmax_of_classes, blocks, kThreads, stream, logits, probabilities);
  }
}

void argmax(Stream& stream, ConstFloatView logits, std::uint8_t* classes) {
  KARYON_CHECK(logits.c <= 256, "a class is stored in a byte");
  const unsigned blocks = blocks_for(logits.pixels(), kThreads);
  if (of_two_classes(logits)) {
    LAUNCH(argmax_of_two_classes, blocks, kThreads, stream, logits, classes);
  } else {
    LAUNCH(argmax_of_classes, blocks, kThreads, stream, logits, classes);
  }
}

}  // namespace karyon::cuda
