// Streams: a workspace that only grows and comes out of the allocator; loops over the stream's threads.
#include "kernels/stream.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/memory.h"
#include "kernels/check.h"
#include "kernels/parallel.h"

namespace karyon {
namespace {

TEST(Stream, WorkspaceOnlyGrowsAndIsCounted) {
  Allocator memory;
  {
    Stream stream(Device{}, 1, memory);
    EXPECT_EQ(memory.figures().active, 0U);
    auto* first = stream.workspace<float>(1000);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0U);
    EXPECT_EQ(memory.figures().active, 4096U);
    EXPECT_EQ(stream.workspace<float>(10), first);
    EXPECT_EQ(static_cast<void*>(stream.workspace<double>(500)), static_cast<void*>(first));
    EXPECT_EQ(memory.figures().device_allocations, 1U);
    stream.workspace<float>(2000);
    EXPECT_EQ(memory.figures().active, 8192U);
    stream.workspace<float>(2000);
    EXPECT_EQ(memory.figures().device_allocations, 2U);
  }
  EXPECT_EQ(memory.figures().active, 0U);
}

TEST(Stream, AFailedWorkspaceLeavesTheStreamUsable) {
  Allocator memory;
  memory.set_limit(8192);
  Stream stream(Device{}, 1, memory);
  stream.workspace<float>(1000);
  EXPECT_THROW(stream.workspace<float>(10000), Error);
  EXPECT_NE(stream.workspace<float>(1000), nullptr);
  EXPECT_EQ(memory.figures().active, 4096U);
}

TEST(Stream, NeedsAThread) {
  Allocator memory;
  EXPECT_THROW(Stream(Device{}, 0, memory), Error);
}

TEST(Device, Text) {
  EXPECT_EQ(Device{}.text(), "cpu");
  EXPECT_EQ((Device{Device::Kind::cuda, 2}).text(), "cuda:2");
}

TEST(ParallelRanges, CoverEveryIndexOnce) {
  Allocator memory;
  for (const int threads : {1, 2, 3, 8}) {
    const Stream stream(Device{}, threads, memory);
    for (const std::int64_t count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
      std::atomic<int> parts = 0;
      parallel_ranges(stream, count, [&](std::int64_t begin, std::int64_t end) {
        ++parts;
        EXPECT_LT(begin, end);
        for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      EXPECT_LE(parts, threads);
      for (const auto& v : visits) EXPECT_EQ(v, 1);
    }
  }
}

TEST(ParallelRanges, HandTheFirstExceptionOn) {
  Allocator memory;
  for (const int threads : {1, 3}) {
    const Stream stream(Device{}, threads, memory);
    try {
      parallel_ranges(stream, 10, [](std::int64_t, std::int64_t) { throw Error(Exit::bad_data, "broken"); });
      FAIL() << "the exception is lost";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data);
      EXPECT_STREQ(error.what(), "broken");
    }
  }
}

TEST(Check, NamesTheConditionAndThePlace) {
  try {
    const int channels = 3;
    KARYON_CHECK(channels == 4, "images have four channels");
    FAIL() << "a broken condition passed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::internal);
    const std::string text = error.what();
    EXPECT_NE(text.find("stream_test.cpp:"), std::string::npos) << text;
    EXPECT_NE(text.find("images have four channels (channels == 4)"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace karyon
