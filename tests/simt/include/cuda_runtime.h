// Stands in for CUDA's header of this name where kernels are compiled by g++ for the SIMT machine: the part of the
// runtime that Karyon uses, with the same names and meanings.
// Invariant: device memory is heap memory that AddressSanitizer lets nobody touch but a running kernel and the copies
// below: host code that follows a device pointer is caught. A stream does its work at once; while it is captured it
// records instead, and a graph plays the record back.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>

#include "tests/simt/machine.h"

#define KARYON_SIMT 1

// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming): CUDA's names
#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorDevicesUnavailable = 46,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorECCUncorrectable = 214,
  cudaErrorStreamCaptureUnsupported = 900,
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal = 0, cudaStreamCaptureModeRelaxed = 2 };
constexpr unsigned cudaStreamNonBlocking = 1;

struct CUstream_st;
struct CUgraph_st;
struct CUgraphExec_st;
using cudaStream_t = CUstream_st*;
using cudaGraph_t = CUgraph_st*;
using cudaGraphExec_t = CUgraphExec_st*;

struct cudaDeviceProp {
  char name[256];
  std::size_t totalGlobalMem;
  int major, minor, multiProcessorCount;
};
struct cudaLaunchAttribute {};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute* attrs;
  unsigned numAttrs;
};

const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaMemGetInfo(std::size_t* available, std::size_t* total);
cudaError_t cudaMalloc(void** block, std::size_t bytes);
cudaError_t cudaFree(void* block);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags = 0);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);

namespace karyon::simt {
/// Runs or records the kernel.
cudaError_t submit_kernel(const cudaLaunchConfig_t& config, std::function<void()> body);
}  // namespace karyon::simt

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments... arguments) {
  return karyon::simt::submit_kernel(*config, [=] { kernel(static_cast<Parameters>(arguments)...); });
}

inline void __syncthreads(std::source_location where = std::source_location::current()) {
  karyon::simt::block_barrier(where);
}
inline void __syncwarp(unsigned /*mask*/ = 0xffffffffU, std::source_location where = std::source_location::current()) {
  karyon::simt::warp_barrier(where);
}

namespace karyon::simt {
template <class T>
T exchange(unsigned mask, T value, unsigned source, const std::source_location& where) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (mask != 0xffffffffU) fail_kernel("a shuffle of a part of the warp");
  T result;
  warp_exchange(&value, &result, sizeof(T), source, where);
  return result;
}
}  // namespace karyon::simt

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int distance, std::source_location where = std::source_location::current()) {
  return karyon::simt::exchange(mask, value, karyon::simt::lane() ^ static_cast<unsigned>(distance), where);
}

inline float __fmul_rn(float a, float b) { return a * b; }
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)
