// What numbers a run computes with.
// Invariant: fp32 means float32 throughout, products included, unless --tf32 lets CUDA's tensor cores round them; bf16
// stores activations in 16 bits, on CUDA alone, with sums, statistics, master weights and loss in float32; int8 is
// inference in bytes, on the CPU alone, and what is not computed so is fp32.
#pragma once

#include <string>

#include "kernels/stream.h"
#include "kernels/view.h"

namespace karyon {

struct CommonFlags;

/// Of float tensors, with "fp32", "bf16" or "int8".
ElementType storage_type(const std::string& precision);

/// Sets the stream up for the flags. Error usage for bf16 or --tf32 on the CPU and for int8 on CUDA.
void set_precision(const CommonFlags& flags, Stream& stream);

}  // namespace karyon
