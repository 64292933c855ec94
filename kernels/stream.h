// Where kernels run: a device, its threads, scratch memory and the libraries' plans.
// Invariant: a Stream owns no memory of its own; its workspace comes from the MemorySource that the engine hands it, so
// every byte shows in the allocator's figures. The workspace only grows, so from the second step on nothing is
// allocated. On CUDA work is queued in order and nothing waits for it but synchronize() and what reads results back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct CUstream_st;  // a cudaStream_t is a pointer to one

namespace karyon {

struct Device {
  enum class Kind : std::uint8_t { cpu, cuda };
  Kind kind = Kind::cpu;
  int index = 0;
  [[nodiscard]] bool is_cuda() const { return kind == Kind::cuda; }
  [[nodiscard]] std::string text() const { return is_cuda() ? "cuda:" + std::to_string(index) : "cpu"; }
};

/// Device memory by the byte, aligned to at least 64 bytes. Implemented by engine/memory.h.
class MemorySource {
 public:
  MemorySource() = default;
  MemorySource(const MemorySource&) = delete;
  MemorySource& operator=(const MemorySource&) = delete;
  virtual ~MemorySource() = default;
  /// permanent: kept over many steps. Such a block is never taken from those that steps leave and find again.
  virtual void* allocate(std::size_t bytes, bool permanent) = 0;
  virtual void release(void* block) noexcept = 0;
};

class KernelCopies;  // kernels packed for the CPU's products
struct DnnlPlans;    // primitives and packed weights, known to kernels/conv_dnnl.cpp alone
struct CudnnPlans;   // descriptors and chosen algorithms, known to kernels/plans_cudnn.cpp alone
struct CublasPlans;  // layouts and chosen algorithms, known to kernels/product_cublas.cpp alone

/// How CUDA multiplies float32 numbers: as they are, or rounded to TensorFloat-32 (10 bits) for the tensor cores.
enum class Float32Math : std::uint8_t { exact, tf32 };

class Stream {
 public:
  /// threads >= 1: the number of CPU threads the kernels of this stream use. For a CUDA device a CUDA stream is made;
  /// Error no_device where that fails.
  Stream(Device device, int threads, MemorySource& memory);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] Device device() const { return device_; }
  [[nodiscard]] int threads() const { return threads_; }
  [[nodiscard]] MemorySource& memory() const { return memory_; }

  /// Scratch memory for the running kernel: `count` elements of T, valid until the next call of workspace().
  template <class T>
  T* workspace(std::int64_t count) {
    return static_cast<T*>(workspace_bytes(static_cast<std::size_t>(count) * sizeof(T)));
  }

  /// The CUDA stream; null on the CPU.
  [[nodiscard]] CUstream_st* cuda() const { return cuda_; }
  /// Waits until all that was queued is done. Nothing to wait for on the CPU.
  void synchronize() const;
  /// Whether every launch waits for its kernel (KARYON_SYNC=1): slow, but a fault names its kernel.
  [[nodiscard]] bool synchronous() const { return synchronous_; }
  [[nodiscard]] Float32Math float32_math() const { return float32_math_; }
  void set_float32_math(Float32Math math) { float32_math_ = math; }

  /// Slots of what a stream keeps for kernels and libraries; empty until their first use.
  std::shared_ptr<KernelCopies>& kernel_copies() { return kernel_copies_; }
  std::shared_ptr<DnnlPlans>& dnnl_plans() { return dnnl_plans_; }
  std::shared_ptr<CudnnPlans>& cudnn_plans() { return cudnn_plans_; }
  std::shared_ptr<CublasPlans>& cublas_plans() { return cublas_plans_; }

 private:
  void* workspace_bytes(std::size_t bytes);

  Device device_;
  int threads_;
  MemorySource& memory_;
  void* workspace_ = nullptr;
  std::size_t workspace_size_ = 0;
  std::vector<void*> outgrown_;  // on CUDA: workspaces that a captured graph may still use
  CUstream_st* cuda_ = nullptr;
  bool synchronous_ = false;
  Float32Math float32_math_ = Float32Math::exact;
  std::shared_ptr<KernelCopies> kernel_copies_;
  std::shared_ptr<DnnlPlans> dnnl_plans_;
  std::shared_ptr<CudnnPlans> cudnn_plans_;
  std::shared_ptr<CublasPlans> cublas_plans_;
};

}  // namespace karyon
