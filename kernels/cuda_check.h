// CUDA_CHECK(call): runs a CUDA runtime call and turns its failure into an Error that holds the call's own text.
// Invariant: running out of memory is out_of_memory and leaves the device usable; a lost or unusable device is
// no_device; all else (an illegal address, a failed launch) is internal: the context is dead then, and nothing more may
// be read from it.
#pragma once

#include <cuda_runtime.h>

namespace karyon::cuda {

/// Throws for anything but cudaSuccess. `what`: the call, or the kernel's name.
void check(cudaError_t status, const char* what, const char* file, int line);

}  // namespace karyon::cuda

#define CUDA_CHECK(call) ::karyon::cuda::check((call), #call, __FILE__, __LINE__)
