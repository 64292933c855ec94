// What the CPU kernels' inner loops share: vectors of floats in portable form, and activations that fold away.
// Invariant: a vector is never a parameter or a result of a function that is not inlined (its ABI depends on what the
// function is compiled for).
#pragma once

#include <cstdint>

#include "kernels/view.h"

#define KARYON_INLINE inline __attribute__((always_inline))

namespace karyon {

/// Aligned like a float, so any address may be read as one.
using Vec4 = float __attribute__((vector_size(16), aligned(4), may_alias));
using Vec8 = float __attribute__((vector_size(32), aligned(4), may_alias));
using Vec16 = float __attribute__((vector_size(64), aligned(4), may_alias));

template <class Vec>
constexpr int kLanesOf = static_cast<int>(sizeof(Vec) / sizeof(float));

/// The vector (or float) that begins there.
template <class Vec>
KARYON_INLINE const Vec& vector_at(const float* p) {
  return *reinterpret_cast<const Vec*>(p);
}
template <class Vec>
KARYON_INLINE Vec& vector_at(float* p) {
  return *reinterpret_cast<Vec*>(p);
}

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
