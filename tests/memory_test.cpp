// The caching allocator: which block is handed out again, what the figures say, and what happens at the limit.
#include "engine/memory.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/check.h"

namespace karyon {
namespace {

constexpr std::size_t kKiB = 1024;

TEST(Memory, BlocksAreAlignedRoundedUpAndUsable) {
  Allocator memory;
  std::size_t active = 0;
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{511}, std::size_t{512}, std::size_t{513}, 100 * kKiB}) {
    void* block = memory.allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 64, 0U);
    std::memset(block, 0x5a, bytes);
    active += (bytes + 511) / 512 * 512;
    EXPECT_EQ(memory.figures().active, active);
  }
  EXPECT_NE(memory.allocate(0), nullptr);
}

TEST(Memory, FiguresFollowBlocks) {
  Allocator memory;
  void* a = memory.allocate(4 * kKiB);
  void* b = memory.allocate(8 * kKiB);
  memory.release(a);
  MemoryFigures f = memory.figures();
  EXPECT_EQ(f.active, 8 * kKiB);
  EXPECT_EQ(f.cached, 4 * kKiB);
  EXPECT_EQ(f.peak, 12 * kKiB);
  EXPECT_EQ(f.device_allocations, 2U);
  memory.release(b);
  memory.trim();
  f = memory.figures();
  EXPECT_EQ(f.active, 0U);
  EXPECT_EQ(f.cached, 0U);
  EXPECT_EQ(f.peak, 12 * kKiB);
}

TEST(Memory, HandsOutTheSmallestThatFits) {
  Allocator memory;
  void* large = memory.allocate(7 * kKiB);
  void* small = memory.allocate(5 * kKiB);
  void* smallest = memory.allocate(3 * kKiB);
  for (void* block : {large, small, smallest}) memory.release(block);
  EXPECT_EQ(memory.allocate(4 * kKiB), small);
  EXPECT_EQ(memory.allocate(4 * kKiB), large);
  EXPECT_EQ(memory.figures().device_allocations, 3U);
  EXPECT_EQ(memory.figures().active, 12 * kKiB);
}

TEST(Memory, HandsOutNothingOfTwiceTheSize) {
  Allocator memory;
  void* large = memory.allocate(8 * kKiB);
  memory.release(large);
  void* half = memory.allocate(4 * kKiB);
  EXPECT_NE(half, large);
  EXPECT_EQ(memory.figures().device_allocations, 2U);
  EXPECT_EQ(memory.allocate(4 * kKiB + 512), large);
}

TEST(Memory, TheSameStepAgainAsksTheDeviceForNothing) {
  Allocator memory;
  const auto step = [&] {
    std::vector<void*> blocks;
    for (const std::size_t bytes : {3000, 70000, 512, 3000, 9000}) blocks.push_back(memory.allocate(bytes));
    for (void* block : blocks) memory.release(block);
  };
  step();
  const std::uint64_t first = memory.figures().device_allocations;
  step();
  step();
  EXPECT_EQ(memory.figures().device_allocations, first);
}

TEST(Memory, ReleasingTwiceOrNothingOrAStrangerIsIgnored) {
  Allocator memory;
  int stranger = 0;
  void* block = memory.allocate(kKiB);
  memory.release(block);
  memory.release(block);
  memory.release(nullptr);
  memory.release(&stranger);
  EXPECT_EQ(memory.figures().active, 0U);
  EXPECT_EQ(memory.figures().cached, kKiB);
  EXPECT_EQ(memory.allocate(kKiB), block);
  EXPECT_NE(memory.allocate(kKiB), block);
}

TEST(Memory, GivesCachedBlocksBackBeforeItRefuses) {
  Allocator memory;
  memory.set_limit(10 * kKiB);
  memory.release(memory.allocate(6 * kKiB));
  void* kept = memory.allocate(2 * kKiB);  // not the cached one, which is over twice the size
  EXPECT_NE(kept, nullptr);
  EXPECT_EQ(memory.figures().cached, 6 * kKiB);
  EXPECT_NE(memory.allocate(8 * kKiB), nullptr);
  EXPECT_EQ(memory.figures().cached, 0U);
  EXPECT_EQ(memory.figures().active, 10 * kKiB);
}

TEST(Memory, AtTheLimitItSaysWhatWasAskedAndWhatIsHeld) {
  Allocator memory;
  memory.set_limit(10 * kKiB);
  void* block = memory.allocate(4 * kKiB);
  memory.release(memory.allocate(2 * kKiB + 512));
  try {
    memory.allocate(7 * kKiB);
    FAIL() << "went beyond the limit";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::out_of_memory);
    const std::string text = error.what();
    for (const char* part : {"asked 7168 bytes", "active 4096", "cached 0", "peak 6656"}) {
      EXPECT_NE(text.find(part), std::string::npos) << text;
    }
  }
  EXPECT_EQ(memory.figures().active, 4 * kKiB);  // the refusal cost nothing
  memory.release(block);
  EXPECT_NE(memory.allocate(7 * kKiB), nullptr);
}

TEST(Memory, RefusesSizesThatNoDeviceHas) {
  Allocator memory;
  for (const std::size_t bytes : {SIZE_MAX, SIZE_MAX - 511, SIZE_MAX / 2 + 1}) {
    EXPECT_THROW(memory.allocate(bytes), Error) << bytes;
  }
  EXPECT_EQ(memory.figures().active, 0U);
}

TEST(Memory, ServesThreadsAtTheSameTime) {
  Allocator memory;
  std::vector<std::thread> threads;
  std::vector<int> clashes(4, 0);
  for (std::size_t t = 0; t < clashes.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t round = 0; round < 500; ++round) {
        const std::size_t bytes = 512 * (1 + (round * 7 + t) % 5);
        auto* block = static_cast<unsigned char*>(memory.allocate(bytes));
        std::memset(block, static_cast<int>(t + 1), bytes);
        for (std::size_t i = 0; i < bytes; ++i) clashes[t] += block[i] != t + 1 ? 1 : 0;
        memory.release(block);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : clashes) EXPECT_EQ(count, 0);
  EXPECT_EQ(memory.figures().active, 0U);
  EXPECT_GE(memory.figures().peak, 512U);
}

}  // namespace
}  // namespace karyon
