// Whatever of CUDA's libraries is installed here: they are found with a version, or missing with a reason.
#include "kernels/cuda_libraries.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace karyon {
namespace {

void expect_whole(const cuda::LibraryFacts& facts, bool usable) {
  EXPECT_EQ(facts.found, usable);
  EXPECT_EQ(facts.found, !facts.version.empty()) << facts.version;
  EXPECT_EQ(facts.found, facts.fault.empty()) << facts.fault;
  EXPECT_EQ(facts.fault.find('\n'), std::string::npos) << facts.fault;
}

TEST(CudaLibraries, AreFoundOrMissingForAReason) {
  const cuda::Libraries found = cuda::find_libraries();
  expect_whole(found.cudnn, cuda::cudnn_functions() != nullptr);
  expect_whole(found.cublas, cuda::cublas_functions() != nullptr);
#if !KARYON_WITH_CUDA
  EXPECT_EQ(found.cudnn.fault, "not built in");
  EXPECT_EQ(found.cublas.fault, "not built in");
#endif
}

TEST(CudaLibraries, AreLoadedOnceForAllThreads) {
  constexpr int kThreads = 4;
  std::vector<const void*> tables(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&tables, i] { tables[static_cast<std::size_t>(i)] = cuda::cudnn_functions(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const void* table : tables) EXPECT_EQ(table, cuda::cudnn_functions());
}

}  // namespace
}  // namespace karyon
