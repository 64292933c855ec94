#include "kernels/stream.h"

#include "kernels/check.h"

namespace karyon {

Stream::Stream(Device device, int threads, MemorySource& memory) : device_(device), threads_(threads), memory_(memory) {
  KARYON_CHECK(threads >= 1, "a stream needs at least one thread");
}

Stream::~Stream() {
  dnnl_plans_.reset();
  if (workspace_ != nullptr) memory_.release(workspace_);
}

void* Stream::workspace_bytes(std::size_t bytes) {
  if (bytes > workspace_size_) {
    if (workspace_ != nullptr) memory_.release(workspace_);
    workspace_ = nullptr;
    workspace_size_ = 0;
    workspace_ = memory_.allocate(bytes, true);
    workspace_size_ = bytes;
  }
  return workspace_;
}

}  // namespace karyon
