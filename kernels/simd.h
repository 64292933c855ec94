// What the CPU kernels' inner loops share: vectors of floats in portable form, and activations that fold away.
// Invariant: a vector is never a parameter or a result of a function that is not inlined (its ABI depends on what the
// function is compiled for).
#pragma once

#include "kernels/view.h"

#define KARYON_INLINE inline __attribute__((always_inline))

namespace karyon {

/// Vectors of floats aligned like a float, so any address may be read as one: KARYON_AT(L, p) is the vector that begins
/// at p. Typedefs in structs, each written out, and no references: clang takes the alignment off aliases, template
/// arguments and references, GCC off dependent types.
#define KARYON_LANES(name, bytes)                                                              \
  struct name {                                                                                \
    typedef float Vec __attribute__((vector_size(bytes), aligned(4), may_alias)); /* NOLINT */ \
    static constexpr int kCount = (bytes) / static_cast<int>(sizeof(float));                   \
    struct Cell {                                                                              \
      Vec value;                                                                               \
    } __attribute__((may_alias));                                                              \
  };
KARYON_LANES(Lanes4, 16)
KARYON_LANES(Lanes8, 32)
KARYON_LANES(Lanes16, 64)
#undef KARYON_LANES
/// A single float, for what is left behind the last vector.
struct Lanes1 {
  using Vec = float;
  static constexpr int kCount = 1;
  struct Cell {
    float value;
  } __attribute__((may_alias));
};

template <class L>
KARYON_INLINE const typename L::Cell* cell_at(const float* p) {
  return reinterpret_cast<const typename L::Cell*>(p);
}
template <class L>
KARYON_INLINE typename L::Cell* cell_at(float* p) {
  return reinterpret_cast<typename L::Cell*>(p);
}
#define KARYON_AT(L, p) (::karyon::cell_at<L>(p)->value)

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
