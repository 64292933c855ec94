#include "kernels/cuda_device.h"

#if KARYON_WITH_CUDA
#include <cuda_runtime.h>
#endif

namespace karyon::cuda {

#if KARYON_WITH_CUDA

namespace {

constexpr int kOldestMajor = 8;  // machine code for 8.0 and 9.0, and PTX of 9.0 for what comes behind

std::string version_text(int version) {
  return version == 0 ? "" : std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

DeviceFacts facts_of(int index) {
  DeviceFacts facts;
  cudaDeviceProp properties{};
  const cudaError_t status = cudaGetDeviceProperties(&properties, index);
  if (status != cudaSuccess) {
    cudaGetLastError();
    facts.fault = cudaGetErrorString(status);
    return facts;
  }
  facts.name = properties.name;
  facts.major = properties.major;
  facts.minor = properties.minor;
  facts.memory = properties.totalGlobalMem;
  if (facts.major < kOldestMajor) {
    facts.fault = "its compute capability " + std::to_string(facts.major) + "." + std::to_string(facts.minor) +
                  " is below 8.0, for which this binary holds no code";
  }
  return facts;
}

}  // namespace

Devices find_devices() {
  Devices found;
  found.built = true;
  int version = 0;
  if (cudaRuntimeGetVersion(&version) == cudaSuccess) found.runtime_version = version_text(version);
  if (cudaDriverGetVersion(&version) == cudaSuccess) found.driver_version = version_text(version);
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    cudaGetLastError();
    found.fault = found.driver_version.empty()            ? "no NVIDIA driver"
                  : status == cudaSuccess                 ? "no CUDA device"
                  : status == cudaErrorInsufficientDriver ? "the driver knows CUDA " + found.driver_version +
                                                                " at most, this binary needs " + found.runtime_version
                                                          : cudaGetErrorString(status);
    return found;
  }
  for (int i = 0; i < count; ++i) found.devices.push_back(facts_of(i));
  return found;
}

#else

Devices find_devices() {
  Devices found;
  found.fault = "this build has no CUDA part";
  return found;
}

#endif

}  // namespace karyon::cuda
