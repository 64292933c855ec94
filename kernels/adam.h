// Adam (Kingma and Ba 2015) as Keras computes it, with decoupled weight decay (AdamW, Loshchilov and Hutter 2019), in
// one pass over a flat block. With g' = factor g, and a line's own factors r and d:
//   m += (g' - m) (1 - beta1);  v += (g'*g' - v) (1 - beta2)
//   w -= r lr sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon) + d lr decay w
// The epsilon stands outside the bias correction (Keras, the paper's "epsilon hat"), unlike PyTorch's. Decay moves by
// the learning rate without bias correction, as in Keras and PyTorch.
// In place on w, m, v. step t counts from 1. With factor, r = 1 and d = 0 the results are those of plain Adam to the
// last bit.
#pragma once

#include "kernels/op.h"

namespace karyon {

/// All that the update's sides are told. The four numbers from weight_decay on are off as they stand here.
struct AdamSettings {
  float learning_rate = 1e-3F;  // of Adam::step(); queued steps get theirs from outside
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-7F;
  float weight_decay = 0;    // >= 0; of kernels alone, never of batch norm's gamma and beta nor of biases
  float clip_norm = 0;       // > 0: the most the norm of all gradients together may be (Keras's global_clipnorm)
  float average_decay = 0;   // in (0, 1): keep a moving average of the weights (Keras's ema_momentum)
  float encoder_factor = 1;  // times the learning rate, for the encoder's parameters
};

/// What differs from step to step: read on the device, so that a captured step takes each time what lies there.
struct AdamRate {
  float step_size = 0;     // lr sqrt(1 - beta2^t) / (1 - beta1^t)
  float decay = 0;         // lr weight_decay
  float keep_average = 0;  // average_decay; 0 in step 1, so that the average begins as the first weights (Keras)
};
AdamRate adam_rate(const AdamSettings& settings, float learning_rate, std::int64_t step);

/// The block's numbers 16 i to 16 i + 15, a line, share the factors i.
constexpr int kAdamLine = 16;
struct LineFactors {
  float rate = 1;   // r
  float decay = 0;  // d
};

/// rate, gradient_factor: one each in the stream's device memory; a null gradient_factor is 1. lines: one for every
/// 16 numbers begun, or null for r = 1, d = 0 everywhere. Of the settings, beta1, beta2 and epsilon alone are looked
/// at.
KERNEL(adam_step,
       (Stream & stream, std::int64_t count, const float* g, const AdamSettings& settings, const AdamRate* rate,
        const float* gradient_factor, const LineFactors* lines, float* w, float* m, float* v))

}  // namespace karyon
