// KERNEL declares the two twins of an op from one line; ON_DEVICE calls the one of the stream's device.
// Invariant: both twins have one signature and one meaning, the contract in the op's header. The stream comes first.
//
// KERNEL_AS is for ops whose activations have a storage type T: float everywhere, Bfloat16 on CUDA as well (parameters,
// statistics and their gradients stay float). KERNEL_MIXED has a second type Y, of the result and its gradient: the
// last layer takes Bfloat16 and gives float logits. The CUDA twins are templates that the .cu file instantiates.
#pragma once

#include <type_traits>

#include "kernels/check.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace karyon::cpu {
using T = float;  // NOLINT(readability-identifier-naming): the CPU twin's storage types
using Y = float;  // NOLINT(readability-identifier-naming)
}  // namespace karyon::cpu

#define KERNEL(name, parameters) \
  namespace cpu {                \
  void name parameters;          \
  }                              \
  namespace cuda {               \
  void name parameters;          \
  }

#define KERNEL_AS(name, parameters) \
  namespace cpu {                   \
  void name parameters;             \
  }                                 \
  namespace cuda {                  \
  template <class T>                \
  void name parameters;             \
  }

#define KERNEL_MIXED(name, parameters) \
  namespace cpu {                      \
  void name parameters;                \
  }                                    \
  namespace cuda {                     \
  template <class T, class Y>          \
  void name parameters;                \
  }

#if KARYON_WITH_CUDA
#define ON_DEVICE(name, stream, ...)                                         \
  ((stream).device().is_cuda() ? ::karyon::cuda::name((stream), __VA_ARGS__) \
                               : ::karyon::cpu::name((stream), __VA_ARGS__))
/// Of an op with storage types; `types` in parentheses: ON_DEVICE_AS((T), add, stream, ...). To be used in a template,
/// where a Bfloat16 that reaches the CPU is an internal error and no second twin.
#define ON_DEVICE_AS(types, name, stream, ...)                            \
  do {                                                                    \
    if ((stream).device().is_cuda()) {                                    \
      ::karyon::cuda::name<KARYON_TYPES types>((stream), __VA_ARGS__);    \
    } else if constexpr (::karyon::all_float<KARYON_TYPES types>()) {     \
      ::karyon::cpu::name((stream), __VA_ARGS__);                         \
    } else {                                                              \
      KARYON_CHECK(false, "the CPU computes in float32; bf16 is CUDA's"); \
    }                                                                     \
  } while (false)
#else
#define ON_DEVICE(name, stream, ...) ::karyon::cpu::name((stream), __VA_ARGS__)
#define ON_DEVICE_AS(types, name, stream, ...) ::karyon::cpu::name((stream), __VA_ARGS__)
#endif
#define KARYON_TYPES(...) __VA_ARGS__

namespace karyon {

template <class... Types>
constexpr bool all_float() {
  return (std::is_same_v<Types, float> && ...);
}

/// Calls body<T>() with the C++ type that `type` names: with_type(x.type(), [&]<class T>() { ... }).
template <class Body>
void with_type([[maybe_unused]] ElementType type, const Body& body) {
#if KARYON_WITH_CUDA
  if (type == ElementType::bf16) return body.template operator()<Bfloat16>();
#endif
  body.template operator()<float>();
}

}  // namespace karyon
