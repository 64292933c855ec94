// What the CPU kernels' inner loops share: sixteen channels at a time in portable form, and activations that fold away.
// A Vec16 becomes one AVX-512, two AVX2 or four SSE registers, whichever the cloned function (kernels/parallel.h) is
// compiled for.
// Invariant: a Vec16 is never a parameter or a result of a function that is not inlined (its ABI depends on the clone).
#pragma once

#include "kernels/view.h"

#define KARYON_INLINE inline __attribute__((always_inline))
#define KARYON_LOAD16(pointer) (*reinterpret_cast<const ::karyon::Vec16*>(pointer))
#define KARYON_STORE16(pointer, value) (*reinterpret_cast<::karyon::Vec16*>(pointer) = (value))

namespace karyon {

constexpr int kLanes = 16;

/// Aligned like a float, so any address may be read as one.
using Vec16 = float __attribute__((vector_size(64), aligned(4), may_alias));

template <Activation act>
KARYON_INLINE float activate(float value) {
  if constexpr (act == Activation::none) return value;
  const float positive = value > 0.0F ? value : 0.0F;
  if constexpr (act == Activation::relu) return positive;
  return positive < 6.0F ? positive : 6.0F;
}

/// The derivative where the activation's result is y, times dy.
template <Activation act>
KARYON_INLINE float activation_gradient(float dy, float y) {
  if constexpr (act == Activation::none) return dy;
  if constexpr (act == Activation::relu) return y > 0.0F ? dy : 0.0F;
  return y > 0.0F && y < 6.0F ? dy : 0.0F;
}

/// Calls one of three instances: ACTIVATION_SWITCH(act, function<kAct>(arguments)).
#define ACTIVATION_SWITCH(act, ...)                  \
  do {                                               \
    if ((act) == Activation::none) {                 \
      constexpr Activation kAct = Activation::none;  \
      __VA_ARGS__;                                   \
    } else if ((act) == Activation::relu) {          \
      constexpr Activation kAct = Activation::relu;  \
      __VA_ARGS__;                                   \
    } else {                                         \
      constexpr Activation kAct = Activation::relu6; \
      __VA_ARGS__;                                   \
    }                                                \
  } while (false)

}  // namespace karyon
