// Where kernels run: a device, its threads, scratch memory and the libraries' plans.
// Invariant: a Stream owns no memory of its own; its workspace comes from the MemorySource that the engine hands it, so
// every byte shows in the allocator's figures. The workspace only grows, so from the second step on nothing is
// allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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

struct DnnlPlans;  // primitives and packed weights, known to kernels/conv_dnnl.cpp alone

class Stream {
 public:
  /// threads >= 1: the number of CPU threads the kernels of this stream use.
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

  /// The slot of kernels/conv_dnnl.cpp; empty until its first use.
  std::shared_ptr<DnnlPlans>& dnnl_plans() { return dnnl_plans_; }

 private:
  void* workspace_bytes(std::size_t bytes);

  Device device_;
  int threads_;
  MemorySource& memory_;
  void* workspace_ = nullptr;
  std::size_t workspace_size_ = 0;
  std::shared_ptr<DnnlPlans> dnnl_plans_;
};

}  // namespace karyon
