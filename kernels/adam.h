// Adam (Kingma and Ba 2015) as Keras computes it, in one pass over a flat block.
//   m += (g - m) (1 - beta1);  v += (g*g - v) (1 - beta2)
//   w -= lr sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)
// The epsilon stands outside the bias correction (Keras, the paper's "epsilon hat"), unlike PyTorch's.
// In place on w, m, v. step t counts from 1.
#pragma once

#include "kernels/op.h"

namespace karyon {

struct AdamSettings {
  float learning_rate = 1e-3F;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-7F;
};

/// The step size of update t: lr sqrt(1 - beta2^t) / (1 - beta1^t).
float adam_rate(const AdamSettings& settings, std::int64_t step);

/// rate: one float in the stream's device memory, so that a captured step takes each time what lies there; the
/// settings' learning_rate is not looked at.
KERNEL(adam_step, (Stream & stream, std::int64_t count, const float* g, const AdamSettings& settings, const float* rate,
                   float* w, float* m, float* v))

}  // namespace karyon
