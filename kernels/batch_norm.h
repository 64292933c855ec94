// Batch normalisation over n, h and w with an activation behind it (Ioffe and Szegedy 2015; Keras's conventions).
//   y = act(gamma * (x - mean) * inv_std + beta),  inv_std = 1 / sqrt(variance + epsilon)
// Training takes mean and population variance of the batch (divisor n*h*w, no Bessel correction), and moves
//   moving = moving * momentum + batch * (1 - momentum)      (momentum 0.99 in Keras; PyTorch's is 1 - this)
// Inference takes the moving ones. Layouts: x, y NHWC of any pitch; gamma, beta, mean, ... [c].
// Aliasing: y may be x in inference; dx may be dy. Saved for backward: x, mean, inv_std, gamma, beta.
#pragma once

#include "kernels/op.h"

namespace karyon {

/// Writes y, mean[c] and inv_std[c] of the batch; moves moving_mean and moving_variance unless they are null.
KERNEL_AS(batch_norm_forward,
          (Stream & stream, View<const T> x, const float* gamma, const float* beta, float epsilon, float momentum,
           Activation act, View<T> y, float* mean, float* inv_std, float* moving_mean, float* moving_variance))
KERNEL_AS(batch_norm_inference,
          (Stream & stream, View<const T> x, const float* gamma, const float* beta, const float* moving_mean,
           const float* moving_variance, float epsilon, Activation act, View<T> y))
/// Gradients of batch_norm_forward, through the statistics of the batch. dx may be an empty view (not needed).
KERNEL_AS(batch_norm_backward,
          (Stream & stream, View<const T> dy, View<const T> x, const float* gamma, const float* beta, const float* mean,
           const float* inv_std, Activation act, View<T> dx, float* dgamma, float* dbeta))

}  // namespace karyon
