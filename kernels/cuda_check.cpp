#include "kernels/check.h"

#if KARYON_WITH_CUDA

#include <string>

#include "kernels/cuda_check.h"

namespace karyon::cuda {

namespace {

Exit code_of(cudaError_t status) {
  switch (status) {
    case cudaErrorMemoryAllocation:
      return Exit::out_of_memory;
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorDevicesUnavailable:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorECCUncorrectable:
      return Exit::no_device;
    default:
      return Exit::internal;
  }
}

}  // namespace

void check(cudaError_t status, const char* what, const char* file, int line) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // an error that is not sticky must not be reported again by the next call
  throw Error(code_of(status), std::string(file) + ":" + std::to_string(line) + ": " + what + ": " +
                                   cudaGetErrorName(status) + ": " + cudaGetErrorString(status));
}

}  // namespace karyon::cuda

#endif
