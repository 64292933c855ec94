#include "kernels/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace karyon {

namespace {

InstructionSet of_processor() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) {
    const bool avx512 = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
                        __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512bw") != 0;
    return avx512 ? InstructionSet::avx512 : InstructionSet::avx2;
  }
#endif
  return InstructionSet::baseline;
}

InstructionSet allowed() {
  const char* variable = std::getenv("KARYON_INSTRUCTIONS");
  const std::string_view most = variable == nullptr ? "" : variable;
  if (most == "baseline") return InstructionSet::baseline;
  return most == "avx2" ? InstructionSet::avx2 : InstructionSet::avx512;
}

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet kSet = std::min(of_processor(), allowed());
  return kSet;
}

}  // namespace karyon
