// The part of CUDA's runtime that tests/simt/include/cuda_runtime.h declares.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

#include <cuda_runtime.h>
#include <sanitizer/asan_interface.h>

struct CUgraph_st {
  std::vector<std::function<void()>> record;
};
struct CUgraphExec_st {
  std::vector<std::function<void()>> record;
};
struct CUstream_st {
  CUgraph_st* capture = nullptr;
};

namespace {

constexpr std::size_t kAlignment = 512;
constexpr std::size_t kMemory = std::size_t{8} << 30;

std::map<void*, std::size_t>& blocks() {
  static std::map<void*, std::size_t> all;
  return all;
}

/// While it lives, device memory may be touched.
class DeviceMemoryOpen {
 public:
  DeviceMemoryOpen() {
    for (const auto& [block, bytes] : blocks()) __asan_unpoison_memory_region(block, bytes);
  }
  DeviceMemoryOpen(const DeviceMemoryOpen&) = delete;
  DeviceMemoryOpen& operator=(const DeviceMemoryOpen&) = delete;
  ~DeviceMemoryOpen() {
    for (const auto& [block, bytes] : blocks()) __asan_poison_memory_region(block, bytes);
  }
};

cudaError_t submit(cudaStream_t stream, std::function<void()> work) {
  if (stream != nullptr && stream->capture != nullptr) {
    stream->capture->record.push_back(std::move(work));
  } else {
    work();
  }
  return cudaSuccess;
}

}  // namespace

namespace karyon::simt {

cudaError_t submit_kernel(const cudaLaunchConfig_t& config, std::function<void()> body) {
  if (config.dynamicSmemBytes != 0) throw Fault("dynamic shared memory is not in the vocabulary of kernels/simt.h");
  return submit(config.stream,
                [grid = config.gridDim, block = config.blockDim, body = std::move(body), name = launch_name()] {
                  const DeviceMemoryOpen open;
                  name_launch(name.c_str());
                  run_grid(grid, block, body);
                });
}

}  // namespace karyon::simt

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    default:
      return "cudaError";
  }
}
const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory" : "as its name says";
}
cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return cudaErrorInvalidDevice;
  *properties = {"SIMT machine", kMemory, 9, 0, 4};
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* available, std::size_t* total) {
  *total = kMemory;
  *available = kMemory;
  for (const auto& [block, bytes] : blocks()) *available -= bytes;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** block, std::size_t bytes) {
  std::size_t available = 0, total = 0;
  cudaMemGetInfo(&available, &total);
  if (bytes > available) return cudaErrorMemoryAllocation;
  const std::size_t size = (std::max<std::size_t>(bytes, 1) + 7) / 8 * 8;
  if (posix_memalign(block, kAlignment, size) != 0) return cudaErrorMemoryAllocation;
  std::memset(*block, 0xff, size);  // NaN, until something is written
  blocks().emplace(*block, size);
  __asan_poison_memory_region(*block, size);
  return cudaSuccess;
}
cudaError_t cudaFree(void* block) {
  if (block == nullptr) return cudaSuccess;
  const auto found = blocks().find(block);
  if (found == blocks().end()) return cudaErrorInvalidValue;
  __asan_unpoison_memory_region(block, found->second);
  blocks().erase(found);
  std::free(block);  // NOLINT(cppcoreguidelines-no-malloc)
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind /*kind*/,
                            cudaStream_t stream) {
  return submit(stream, [=] {
    const DeviceMemoryOpen open;
    std::memmove(to, from, bytes);
  });
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return submit(stream, [=] {
    const DeviceMemoryOpen open;
    std::memset(to, value, bytes);
  });
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned /*flags*/) {
  *stream = new CUstream_st;  // NOLINT(cppcoreguidelines-owning-memory): as CUDA's interface has it
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;  // NOLINT(cppcoreguidelines-owning-memory)
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return stream != nullptr && stream->capture != nullptr ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode /*mode*/) {
  if (stream->capture != nullptr) return cudaErrorInvalidValue;
  stream->capture = new CUgraph_st;  // NOLINT(cppcoreguidelines-owning-memory)
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (stream->capture == nullptr) return cudaErrorInvalidValue;
  *graph = std::exchange(stream->capture, nullptr);
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long /*flags*/) {
  *exec = new CUgraphExec_st{graph->record};  // NOLINT(cppcoreguidelines-owning-memory)
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t /*stream*/) {
  for (const auto& work : exec->record) work();
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;  // NOLINT(cppcoreguidelines-owning-memory)
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;  // NOLINT(cppcoreguidelines-owning-memory)
  return cudaSuccess;
}
