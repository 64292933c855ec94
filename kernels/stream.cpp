#include "kernels/stream.h"

#include <cstdlib>
#include <string_view>

#include "kernels/check.h"
#if KARYON_WITH_CUDA
#include "kernels/cuda_check.h"
#endif

namespace karyon {

Stream::Stream(Device device, int threads, MemorySource& memory) : device_(device), threads_(threads), memory_(memory) {
  KARYON_CHECK(threads >= 1, "a stream needs at least one thread");
  if (!device.is_cuda()) return;
#if KARYON_WITH_CUDA
  CUDA_CHECK(cudaSetDevice(device.index));
  CUDA_CHECK(cudaStreamCreateWithFlags(&cuda_, cudaStreamNonBlocking));
  const char* wanted = std::getenv("KARYON_SYNC");
  synchronous_ = wanted != nullptr && std::string_view(wanted) == "1";
#else
  throw Error(Exit::no_device, "this build has no CUDA part");
#endif
}

Stream::~Stream() {
  dnnl_plans_.reset();
  cudnn_plans_.reset();
  cublas_plans_.reset();
#if KARYON_WITH_CUDA
  if (cuda_ != nullptr) {  // a dead context's errors were thrown before
    cudaStreamSynchronize(cuda_);
    cudaStreamDestroy(cuda_);
  }
#endif
  for (void* block : outgrown_) memory_.release(block);
  if (workspace_ != nullptr) memory_.release(workspace_);
}

void Stream::synchronize() const {
#if KARYON_WITH_CUDA
  if (cuda_ != nullptr) CUDA_CHECK(cudaStreamSynchronize(cuda_));
#endif
}

void* Stream::workspace_bytes(std::size_t bytes) {
  if (bytes > workspace_size_) {
    if (workspace_ != nullptr && device_.is_cuda()) {
      outgrown_.push_back(workspace_);
    } else if (workspace_ != nullptr) {
      memory_.release(workspace_);
    }
    workspace_ = nullptr;
    workspace_size_ = 0;
    workspace_ = memory_.allocate(bytes, true);
    workspace_size_ = bytes;
  }
  return workspace_;
}

}  // namespace karyon
