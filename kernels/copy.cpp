#include "kernels/copy.h"

#include <cstring>

#if KARYON_WITH_CUDA
#include "kernels/cuda_check.h"
#endif

namespace karyon {

void upload([[maybe_unused]] const Stream& stream, void* device, const void* host, std::size_t bytes) {
  if (bytes == 0) return;
#if KARYON_WITH_CUDA
  if (stream.device().is_cuda()) {
    CUDA_CHECK(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream.cuda()));
    return stream.synchronize();
  }
#endif
  std::memcpy(device, host, bytes);
}

void download([[maybe_unused]] const Stream& stream, void* host, const void* device, std::size_t bytes) {
  if (bytes == 0) return;
#if KARYON_WITH_CUDA
  if (stream.device().is_cuda()) {
    CUDA_CHECK(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream.cuda()));
    return stream.synchronize();
  }
#endif
  std::memcpy(host, device, bytes);
}

void copy_on_device([[maybe_unused]] const Stream& stream, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
#if KARYON_WITH_CUDA
  if (stream.device().is_cuda()) {
    return CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream.cuda()));
  }
#endif
  std::memmove(to, from, bytes);
}

void clear([[maybe_unused]] const Stream& stream, void* device, std::size_t bytes) {
  if (bytes == 0) return;
#if KARYON_WITH_CUDA
  if (stream.device().is_cuda()) return CUDA_CHECK(cudaMemsetAsync(device, 0, bytes, stream.cuda()));
#endif
  std::memset(device, 0, bytes);
}

}  // namespace karyon
