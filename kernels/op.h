// KERNEL declares the two twins of an op from one line; ON_DEVICE calls the one of the stream's device.
// Invariant: both twins have one signature and one meaning, the contract in the op's header. The stream comes first.
#pragma once

#include "kernels/stream.h"
#include "kernels/view.h"

#define KERNEL(name, parameters) \
  namespace cpu {                \
  void name parameters;          \
  }                              \
  namespace cuda {               \
  void name parameters;          \
  }

#if KARYON_WITH_CUDA
#define ON_DEVICE(name, stream, ...)                                         \
  ((stream).device().is_cuda() ? ::karyon::cuda::name((stream), __VA_ARGS__) \
                               : ::karyon::cpu::name((stream), __VA_ARGS__))
#else
#define ON_DEVICE(name, stream, ...) ::karyon::cpu::name((stream), __VA_ARGS__)
#endif
