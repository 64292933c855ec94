// The norm of all gradients together, and the factor that clips it (Pascanu et al. 2013; Keras's global_clipnorm,
// tf.clip_by_global_norm):
//   norm = sqrt(sum of g[i]^2);  factor = norm > limit ? limit / norm : 1
// A norm that is not finite is not clipped away: the factor is NaN then, and with it all that is updated.
// Layout: g dense, the result one struct in the stream's device memory, where the update reads the factor: nothing
// waits for the host. Squares are added in double, in an order that follows from the count alone, so finite gradients
// never overflow and the bits repeat. No backward.
#pragma once

#include "kernels/op.h"

namespace karyon {

struct GradientNorm {
  double norm = 0;
  float factor = 1;
};

/// limit > 0. Takes the stream's workspace.
KERNEL(gradient_norm, (Stream & stream, std::int64_t count, const float* g, float limit, GradientNorm* result))

}  // namespace karyon
