// Loops over explicit vectors in three versions, for AVX-512, AVX2 and the baseline; CPUID chooses one.
// Invariant: each version has vectors as wide as its registers. (KARYON_CLONES compiles one source three times; there a
// vector wider than the registers would be kept in memory.) For loops that the compiler vectorises by itself the clones
// are enough.
#pragma once

#include "kernels/simd.h"

#if defined(__x86_64__)
#define KARYON_AVX2 __attribute__((target("avx2,fma")))
#define KARYON_AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")))
#endif

namespace karyon {

enum class InstructionSet : std::uint8_t { baseline, avx2, avx512 };

/// The best that this processor has.
inline InstructionSet instruction_set() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) {
    const bool avx512 = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
                        __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512bw") != 0;
    return avx512 ? InstructionSet::avx512 : InstructionSet::avx2;
  }
#endif
  return InstructionSet::baseline;
}

/// Defines `void name parameters` by the template `name_with<Vec> arguments`, which must be KARYON_INLINE. Parameters
/// and arguments stand in parentheses.
#if defined(__x86_64__)
#define KARYON_VERSIONS(name, parameters, arguments)                                             \
  static void name##_baseline parameters { name##_with<::karyon::Vec4> arguments; }              \
  KARYON_AVX2 static void name##_avx2 parameters { name##_with<::karyon::Vec8> arguments; }      \
  KARYON_AVX512 static void name##_avx512 parameters { name##_with<::karyon::Vec16> arguments; } \
  void name parameters {                                                                         \
    static const ::karyon::InstructionSet kSet = ::karyon::instruction_set();                    \
    if (kSet == ::karyon::InstructionSet::avx512) return name##_avx512 arguments;                \
    if (kSet == ::karyon::InstructionSet::avx2) return name##_avx2 arguments;                    \
    name##_baseline arguments;                                                                   \
  }
#else
#define KARYON_VERSIONS(name, parameters, arguments) \
  void name parameters { name##_with<::karyon::Vec4> arguments; }
#endif

}  // namespace karyon
