// On the CPU one pass gains nothing: the layer's result lies in the cache's reach, and its two steps are kernels of
// their own.
#include "kernels/head_xent.h"

#include "kernels/conv_transpose.h"

namespace karyon {

bool head_xent_takes(const ConvGeometry& geometry, int classes) {
  return geometry.kernel_h == 3 && geometry.kernel_w == 3 && geometry.stride_h == 2 && geometry.stride_w == 2 &&
         classes >= 2 && classes <= 3;
}

namespace cpu {

void head_xent(Stream& stream, std::span<const ConstFloatView> inputs, const float* kernel, const float* bias,
               const ConvGeometry& geometry, const std::uint8_t* labels, FloatView logits, FloatView dlogits,
               XentCounts* counts) {
  KARYON_CHECK(logits || dlogits, "logits or their gradient");
  const FloatView result = logits ? logits : dlogits;
  conv_transpose_forward(stream, inputs, {.data = kernel}, bias, Activation::none, geometry, result);
  softmax_xent(stream, result, labels, dlogits, counts);
}

}  // namespace cpu

}  // namespace karyon
