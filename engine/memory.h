// A caching allocator, one a device.
// Invariant: every byte the engine or a stream uses comes from here and is counted. A freed block is kept and handed
// out again to a request of its own size class, and to no other: so a step that asks for what the step before it asked
// for finds every block again, whatever else was freed between, and from the second step on the device is never asked.
// (A looser fit wastes less but has no such guarantee: a request that takes a larger block leaves the next one
// without.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels/stream.h"

namespace karyon {

struct MemoryFigures {
  std::size_t active = 0;                // bytes in blocks handed out
  std::size_t cached = 0;                // bytes in blocks kept for reuse, those of pools among them
  std::size_t peak = 0;                  // the most that active ever was
  std::uint64_t device_allocations = 0;  // how often the device itself was asked
};

/// "memory: 360.9 MB at most, 113.2 MB active, 345.0 MB cached, 444 device allocations".
std::string memory_text(const MemoryFigures& figures);

class Allocator final : public MemorySource {
 public:
  explicit Allocator(Device device = {}) : device_(device) {}
  ~Allocator() override;
  /// At least `bytes` (rounded up to its class: a multiple of 512 and of an eighth of its power of two), aligned to 64.
  /// A permanent block is never taken from the cached ones, which belong to the steps, nor does it join them. When the
  /// device refuses, cached blocks are given back and it is asked once more; then Error(Exit::out_of_memory) with
  /// asked, active, cached and peak (and what a CUDA device has free). On CUDA a block may still be in use by queued
  /// work when it is handed out again: on one stream the new work comes behind it.
  void* allocate(std::size_t bytes, bool permanent = false) override;
  void release(void* block) noexcept override;
  /// Gives all cached blocks back to the device.
  void trim() noexcept;
  /// Takes the cached blocks out of circulation, for work that is captured now and played back later: what that work
  /// takes and leaves meanwhile is its own from then on. end_pool() gives the pool, which keeps the blocks until
  /// release_pool(); nothing else gets them. One pool is begun at a time; while it is, no block goes back to the
  /// device.
  void begin_pool();
  std::vector<void*> end_pool();
  void release_pool(const std::vector<void*>& pool) noexcept;
  [[nodiscard]] MemoryFigures figures() const;
  /// For tests: refuse to go beyond this many bytes of active and cached memory together.
  void set_limit(std::size_t bytes);

 private:
  void trim_locked() noexcept;
  void* device_allocate(std::size_t bytes);
  void device_release(void* block, std::size_t bytes) const noexcept;
  [[nodiscard]] std::string device_figures() const;

  Device device_;
  mutable std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
  struct Used {
    std::size_t size;
    bool permanent;
  };
  std::unordered_map<void*, Used> used_;
  std::unordered_map<void*, std::size_t> pooled_;
  bool pool_begun_ = false;
  MemoryFigures figures_;
  std::size_t limit_ = SIZE_MAX;
};

}  // namespace karyon
