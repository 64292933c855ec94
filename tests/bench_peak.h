// The most that the CPU's vector units can do: what GFLOP/s are a share of.
// Invariant: measured in the run that it is compared with, on as many threads, at the clock that such work leaves.
#pragma once

#include "kernels/stream.h"

namespace karyon::testing {

/// Floating-point operations a second in float32, of multiply-adds on registers alone; a multiply-add counts two.
double peak_flops(const Stream& stream);

}  // namespace karyon::testing
