// Loops over explicit vectors in three versions, for AVX-512, AVX2 and the baseline; CPUID chooses one.
// Invariant: each version has vectors as wide as its registers. (KARYON_CLONES compiles one source three times; there a
// vector wider than the registers would be kept in memory.) For loops that the compiler vectorises by itself the clones
// are enough.
#pragma once

#include <cstdint>

#include "kernels/simd.h"

#if defined(__x86_64__)
#define KARYON_AVX2 __attribute__((target("avx2,fma")))
#define KARYON_AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")))
#endif

namespace karyon {

enum class InstructionSet : std::uint8_t { baseline, avx2, avx512 };

/// The best that this processor has, or less where the environment's KARYON_INSTRUCTIONS says avx2 or baseline (by
/// which each version is tested on one machine). Asked once in a process.
InstructionSet instruction_set();

/// Defines `void name parameters` by the template `name_with<Lanes> arguments`, which must be KARYON_INLINE. Parameters
/// and arguments stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#if defined(__x86_64__)
#define KARYON_VERSIONS(name, parameters, arguments)                                               \
  static void name##_baseline parameters { name##_with<::karyon::Lanes4> arguments; }              \
  KARYON_AVX2 static void name##_avx2 parameters { name##_with<::karyon::Lanes8> arguments; }      \
  KARYON_AVX512 static void name##_avx512 parameters { name##_with<::karyon::Lanes16> arguments; } \
  void name parameters {                                                                           \
    const ::karyon::InstructionSet set = ::karyon::instruction_set();                              \
    if (set == ::karyon::InstructionSet::avx512) return name##_avx512 arguments;                   \
    if (set == ::karyon::InstructionSet::avx2) return name##_avx2 arguments;                       \
    name##_baseline arguments;                                                                     \
  }
#else
#define KARYON_VERSIONS(name, parameters, arguments) \
  void name parameters { name##_with<::karyon::Lanes4> arguments; }
#endif
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace karyon
