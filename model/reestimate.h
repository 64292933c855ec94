// Batch norm of an encoder whose file held it folded into the convolutions: statistics measured anew before
// fine-tuning. Such an encoder comes with mean 0 and variance 1 instead of what its channels have, so training, which
// takes the batch's statistics, would begin with another network than the one that was loaded.
// Invariant: inference does not change. For a convolution's channel whose batch norm is z * a + b and whose outputs z
// have mean m and variance v over the data:  moving_mean = m, moving_variance = v, gamma = a * sqrt(v + epsilon), beta
// = b + a * m. Where a batch norm was folded a is 1 and b its bias. Then training on data like these begins where
// inference is.
#pragma once

#include "model/batches.h"
#include "model/mobilenet_v2.h"

namespace karyon {

/// Runs `encoder` in inference over the first `most_batches` of `batches`, in order and not distorted, and sets every
/// batch norm whose statistics this reaches (all, without a classifier). Folds the encoder before and after. Means and
/// variances of batches are joined in double (Chan, Golub and LeVeque 1979). Waits for every layer: for once, before
/// training. Channels that never vary keep variance 0.
void reestimate_batch_norm(Context& context, MobileNetV2& encoder, Batches& batches, int most_batches);

}  // namespace karyon
