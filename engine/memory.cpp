#include "engine/memory.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <sys/mman.h>

#include "kernels/check.h"
#if KARYON_WITH_CUDA
#include "kernels/cuda_check.h"
#endif

namespace karyon {

namespace {

constexpr std::size_t kGranule = 512;
/// From this size on memory is asked for in huge pages: kernels walk through many rows at once, each on a page of its
/// own, more than the processor's page table cache holds of small ones.
constexpr std::size_t kHugePage = std::size_t{2} << 20, kMapped = 4 * kHugePage;

/// Sizes of blocks: multiples of the granule, and for large ones of an eighth of their power of two.
std::size_t block_size_for(std::size_t bytes) {
  const std::size_t step = std::max(kGranule, std::bit_floor(bytes) / 8);
  return (std::max<std::size_t>(bytes, 1) + step - 1) / step * step;
}

std::size_t whole_pages(std::size_t bytes) { return (bytes + kHugePage - 1) / kHugePage * kHugePage; }

/// Huge pages from the system itself, to which they go back whole: the heap would keep them, in pieces. Null where
/// there are none.
void* map_pages(std::size_t bytes) {
  const std::size_t size = whole_pages(bytes);
  void* start = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  auto* first = static_cast<char*>(start);
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(start) % kHugePage) % kHugePage;
  if (before > 0) munmap(first, before);
  if (before < kHugePage) munmap(first + before + size, kHugePage - before);
#ifdef MADV_HUGEPAGE
  madvise(first + before, bytes, MADV_HUGEPAGE);  // a wish: without it pages are small
#endif
  return first + before;
}

}  // namespace

std::string memory_text(const MemoryFigures& figures) {
  const auto mb = [](std::size_t bytes) { return static_cast<double>(bytes) * 1e-6; };
  char text[160];
  std::snprintf(text, sizeof text, "memory: %.1f MB at most, %.1f MB active, %.1f MB cached, %llu device allocations",
                mb(figures.peak), mb(figures.active), mb(figures.cached),
                static_cast<unsigned long long>(figures.device_allocations));
  return text;
}

Allocator::~Allocator() { trim(); }

void* Allocator::device_allocate(std::size_t bytes) {
  if (figures_.active + figures_.cached + bytes > limit_) return nullptr;
  ++figures_.device_allocations;
#if KARYON_WITH_CUDA
  if (device_.is_cuda()) {
    void* block = nullptr;
    const cudaError_t status = cudaMalloc(&block, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();  // running out of memory is not sticky
      return nullptr;
    }
    CUDA_CHECK(status);
    return block;
  }
#endif
  return bytes < kMapped ? std::aligned_alloc(kGranule, bytes) : map_pages(bytes);
}

void Allocator::device_release(void* block, std::size_t bytes) const noexcept {
#if KARYON_WITH_CUDA
  if (device_.is_cuda()) {
    cudaFree(block);  // waits for the device; fails only in a dead context, whose error was thrown before
    return;
  }
#endif
  if (bytes < kMapped) {
    std::free(block);  // NOLINT(cppcoreguidelines-no-malloc)
  } else {
    munmap(block, whole_pages(bytes));
  }
}

void* Allocator::allocate(std::size_t bytes, bool permanent) {
  const std::size_t largest = SIZE_MAX / 2;
  const std::size_t size = bytes > largest ? bytes : block_size_for(bytes);
  const std::lock_guard lock(mutex_);
  void* block = nullptr;
  if (const auto fit = free_.find(size); !permanent && fit != free_.end()) {
    block = fit->second;
    figures_.cached -= size;
    free_.erase(fit);
  } else if (bytes <= largest) {
    block = device_allocate(size);
    if (block == nullptr) {
      trim_locked();
      block = device_allocate(size);
    }
  }
  if (block == nullptr) {
    throw Error(Exit::out_of_memory, "out of memory: asked " + std::to_string(size) + " bytes, active " +
                                         std::to_string(figures_.active) + ", cached " +
                                         std::to_string(figures_.cached) + ", peak " + std::to_string(figures_.peak) +
                                         device_figures() + "; try a smaller batch or image size");
  }
  used_.emplace(block, Used{size, permanent});
  figures_.active += size;
  figures_.peak = std::max(figures_.peak, figures_.active);
  return block;
}

void Allocator::release(void* block) noexcept {
  const std::lock_guard lock(mutex_);
  const auto entry = used_.find(block);
  if (entry == used_.end()) return;
  const Used used = entry->second;
  used_.erase(entry);
  figures_.active -= used.size;
  if (used.permanent) {
    device_release(block, used.size);
    return;
  }
  figures_.cached += used.size;
  free_.emplace(used.size, block);
}

void Allocator::trim() noexcept {
  const std::lock_guard lock(mutex_);
  trim_locked();
}

void Allocator::trim_locked() noexcept {
  if (pool_begun_) return;
  for (const auto& [size, block] : free_) {
    device_release(block, size);
    figures_.cached -= size;
  }
  free_.clear();
}

void Allocator::begin_pool() {
  const std::lock_guard lock(mutex_);
  KARYON_CHECK(!pool_begun_, "one pool of memory at a time");
  pool_begun_ = true;
}

std::vector<void*> Allocator::end_pool() {
  const std::lock_guard lock(mutex_);
  pool_begun_ = false;
  std::vector<void*> pool;
  for (const auto& [size, block] : free_) {
    pool.push_back(block);
    pooled_.emplace(block, size);
  }
  free_.clear();
  return pool;
}

void Allocator::release_pool(const std::vector<void*>& pool) noexcept {
  const std::lock_guard lock(mutex_);
  for (void* block : pool) {
    const auto entry = pooled_.find(block);
    if (entry == pooled_.end()) continue;
    free_.emplace(entry->second, block);
    pooled_.erase(entry);
  }
}

std::string Allocator::device_figures() const {
#if KARYON_WITH_CUDA
  std::size_t available = 0, total = 0;
  if (device_.is_cuda() && cudaMemGetInfo(&available, &total) == cudaSuccess) {
    return ", free on " + device_.text() + " " + std::to_string(available) + " of " + std::to_string(total);
  }
#endif
  return "";
}

MemoryFigures Allocator::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void Allocator::set_limit(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = bytes;
}

}  // namespace karyon
