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

// An allocator, and the release of all that a test took from it (releasing again what is released already is harmless).
class Memory : public ::testing::Test {
 protected:
  ~Memory() override {
    for (void* block : taken_) memory_.release(block);
  }
  void* take(std::size_t bytes) { return taken_.emplace_back(memory_.allocate(bytes)); }

  Allocator memory_;

 private:
  std::vector<void*> taken_;
};

TEST_F(Memory, BlocksAreAlignedRoundedUpAndUsable) {
  std::size_t active = 0;
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{511}, std::size_t{512}, std::size_t{513}, 100 * kKiB}) {
    void* block = take(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 64, 0U);
    std::memset(block, 0x5a, bytes);
    active += bytes == 100 * kKiB ? 104 * kKiB : (bytes + 511) / 512 * 512;  // 104: an eighth of 64 up
    EXPECT_EQ(memory_.figures().active, active);
  }
  EXPECT_NE(take(0), nullptr);
}

TEST_F(Memory, FiguresFollowBlocks) {
  void* a = take(4 * kKiB);
  void* b = take(8 * kKiB);
  memory_.release(a);
  MemoryFigures f = memory_.figures();
  EXPECT_EQ(f.active, 8 * kKiB);
  EXPECT_EQ(f.cached, 4 * kKiB);
  EXPECT_EQ(f.peak, 12 * kKiB);
  EXPECT_EQ(f.device_allocations, 2U);
  memory_.release(b);
  memory_.trim();
  f = memory_.figures();
  EXPECT_EQ(f.active, 0U);
  EXPECT_EQ(f.cached, 0U);
  EXPECT_EQ(f.peak, 12 * kKiB);
}

TEST_F(Memory, HandsOutABlockOfItsOwnClassAlone) {
  void* large = take(7 * kKiB);
  void* small = take(5 * kKiB);
  for (void* block : {large, small}) memory_.release(block);
  EXPECT_NE(take(4 * kKiB), small) << "a larger block would be missed by the next that needs it";
  EXPECT_EQ(take(5 * kKiB - 100), small);
  EXPECT_EQ(take(7 * kKiB), large);
  EXPECT_EQ(memory_.figures().device_allocations, 3U);
  EXPECT_EQ(memory_.figures().active, 16 * kKiB);
}

TEST_F(Memory, ClassesOfLargeBlocksAreAnEighthOfTheirPowerOfTwo) {
  void* block = take(1024 * kKiB + 1);
  EXPECT_EQ(memory_.figures().active, (1024 + 128) * kKiB);
  memory_.release(block);
  EXPECT_EQ(take((1024 + 128) * kKiB), block);
}

TEST_F(Memory, PermanentBlocksLeaveTheStepsBlocksAlone) {
  void* of_a_step = take(4 * kKiB);
  memory_.release(of_a_step);
  void* permanent = memory_.allocate(4 * kKiB, true);
  EXPECT_NE(permanent, of_a_step);
  EXPECT_EQ(take(4 * kKiB), of_a_step);
  memory_.release(permanent);
  EXPECT_EQ(memory_.figures().cached, 0U) << "it goes back to the device";
  EXPECT_EQ(memory_.figures().active, 4 * kKiB);
}

TEST_F(Memory, TheSameStepAgainAsksTheDeviceForNothing) {
  const auto step = [&] {
    std::vector<void*> blocks;
    for (const std::size_t bytes : {3000, 70000, 512, 3000, 9000}) blocks.push_back(take(bytes));
    memory_.release(blocks[4]);
    for (const std::size_t bytes : {5000, 9000, 600}) blocks.push_back(take(bytes));
    for (void* block : blocks) memory_.release(block);
  };
  step();
  const std::uint64_t first = memory_.figures().device_allocations;
  step();
  step();
  EXPECT_EQ(memory_.figures().device_allocations, first);
}

TEST_F(Memory, APoolKeepsItsBlocksToItself) {
  void* of_the_step = take(4 * kKiB);
  memory_.release(of_the_step);
  memory_.begin_pool();
  EXPECT_EQ(take(4 * kKiB), of_the_step) << "what is captured takes the step's blocks";
  memory_.trim();
  memory_.release(of_the_step);
  const std::vector<void*> pool = memory_.end_pool();
  EXPECT_EQ(pool, std::vector<void*>{of_the_step});
  EXPECT_NE(take(4 * kKiB), of_the_step);
  memory_.trim();
  EXPECT_EQ(memory_.figures().cached, 4 * kKiB) << "its blocks do not go back to the device";
  memory_.release_pool(pool);
  EXPECT_EQ(take(4 * kKiB), of_the_step);
}

TEST_F(Memory, ReleasingTwiceOrNothingOrAStrangerIsIgnored) {
  int stranger = 0;
  void* block = take(kKiB);
  memory_.release(block);
  memory_.release(block);
  memory_.release(nullptr);
  memory_.release(&stranger);
  EXPECT_EQ(memory_.figures().active, 0U);
  EXPECT_EQ(memory_.figures().cached, kKiB);
  EXPECT_EQ(take(kKiB), block);
  EXPECT_NE(take(kKiB), block);
}

TEST_F(Memory, GivesCachedBlocksBackBeforeItRefuses) {
  memory_.set_limit(10 * kKiB);
  memory_.release(take(6 * kKiB));
  void* kept = take(2 * kKiB);  // not the cached one, which is of another class
  EXPECT_NE(kept, nullptr);
  EXPECT_EQ(memory_.figures().cached, 6 * kKiB);
  EXPECT_NE(take(8 * kKiB), nullptr);
  EXPECT_EQ(memory_.figures().cached, 0U);
  EXPECT_EQ(memory_.figures().active, 10 * kKiB);
}

TEST_F(Memory, AtTheLimitItSaysWhatWasAskedAndWhatIsHeld) {
  memory_.set_limit(10 * kKiB);
  void* block = take(4 * kKiB);
  memory_.release(take(2 * kKiB + 512));
  try {
    take(7 * kKiB);
    FAIL() << "went beyond the limit";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::out_of_memory);
    const std::string text = error.what();
    for (const char* part : {"asked 7168 bytes", "active 4096", "cached 0", "peak 6656"}) {
      EXPECT_NE(text.find(part), std::string::npos) << text;
    }
  }
  EXPECT_EQ(memory_.figures().active, 4 * kKiB);  // the refusal cost nothing
  memory_.release(block);
  EXPECT_NE(take(7 * kKiB), nullptr);
}

TEST_F(Memory, RefusesSizesThatNoDeviceHas) {
  for (const std::size_t bytes : {SIZE_MAX, SIZE_MAX - 511, SIZE_MAX / 2 + 1}) {
    EXPECT_THROW(take(bytes), Error) << bytes;
  }
  EXPECT_EQ(memory_.figures().active, 0U);
}

TEST_F(Memory, ServesThreadsAtTheSameTime) {
  std::vector<std::thread> threads;
  std::vector<int> clashes(4, 0);
  for (std::size_t t = 0; t < clashes.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t round = 0; round < 500; ++round) {
        const std::size_t bytes = 512 * (1 + (round * 7 + t) % 5);
        auto* block = static_cast<unsigned char*>(memory_.allocate(bytes));
        std::memset(block, static_cast<int>(t + 1), bytes);
        for (std::size_t i = 0; i < bytes; ++i) clashes[t] += block[i] != t + 1 ? 1 : 0;
        memory_.release(block);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : clashes) EXPECT_EQ(count, 0);
  EXPECT_EQ(memory_.figures().active, 0U);
  EXPECT_GE(memory_.figures().peak, 512U);
}

}  // namespace
}  // namespace karyon
