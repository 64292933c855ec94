#pragma once
#include <span>

#include "kernels/softmax_xent.h"
namespace karyon {
bool head_xent_takes(const ConvGeometry& geometry, int classes);
KERNEL_AS(head_xent, (Stream & stream, std::span<const View<const T>> inputs, const float* kernel, const float* bias,
                      const ConvGeometry& geometry, const std::uint8_t* labels, FloatView logits, FloatView dlogits,
                      XentCounts* counts))
}  // namespace karyon
