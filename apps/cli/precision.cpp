#include "apps/cli/precision.h"

#include "apps/cli/common_flags.h"
#include "kernels/check.h"

namespace karyon {

ElementType storage_type(const std::string& precision) {
  return precision == "bf16" ? ElementType::bf16 : ElementType::f32;
}

void set_precision(const CommonFlags& flags, Stream& stream) {
  const bool int8 = flags.precision == "int8";
  if (!stream.device().is_cuda() && (flags.precision == "bf16" || flags.tf32)) {
    throw Error(Exit::usage, (flags.tf32 ? std::string("--tf32") : "--precision " + flags.precision) +
                                 ": the CPU computes in fp32 or int8; this needs a CUDA device");
  }
  if (stream.device().is_cuda() && int8) {
    throw Error(Exit::usage, "--precision int8: CUDA computes in fp32 or bf16; this needs --device cpu");
  }
  if (flags.tf32) stream.set_float32_math(Float32Math::tf32);
}

}  // namespace karyon
