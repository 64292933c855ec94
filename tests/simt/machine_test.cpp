// The SIMT machine itself: it runs kernels as CUDA says, and each mistake that it exists for is caught, shown on a
// kernel that is right and on the same kernel with the mistake in it.
#include "tests/simt/machine.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/graph.h"
#include "engine/memory.h"
#include "engine/tensor.h"
#include "kernels/check.h"
#include "kernels/copy.h"
#include "kernels/simt.h"

namespace karyon {
namespace {

constexpr Device kCuda{Device::Kind::cuda, 0};

// What stands in a kernel that is right, or what is wrong with it.
enum class Mistake : std::uint8_t {
  none,
  no_barrier,
  no_shuffle,
  shared_overrun,
  global_overrun,
  early_return,
  divergent_barrier,
  divergent_shuffle,
  misaligned_load,
};

/// out[i] = in[n - 1 - i] for a block of n threads.
template <Mistake mistake>
__global__ void machine_reverse(const int* in, int* out) {
  SHARED(int, tile, 64);
  const int n = static_cast<int>(blockDim.x), t = static_cast<int>(threadIdx.x);
  if (mistake == Mistake::early_return && t >= 40) return;
  tile[mistake == Mistake::shared_overrun ? t + 1 : t] = in[t];
  if (mistake == Mistake::divergent_barrier && t < 32) {
    __syncthreads();
  } else if (mistake != Mistake::no_barrier) {
    __syncthreads();
  }
  out[mistake == Mistake::global_overrun ? t + 1 : t] = tile[n - 1 - t];
}

/// *out = the sum of 32 lanes' values.
template <Mistake mistake>
__global__ void machine_warp_sum(const float* in, float* out) {
  float sum = in[threadIdx.x];
  for (int distance = 16; distance > 0; distance /= 2) {
    if (mistake == Mistake::no_shuffle && distance == 4) continue;
    if (mistake == Mistake::divergent_shuffle && threadIdx.x == 7) continue;
    sum += __shfl_xor_sync(kFullWarp, sum, distance);
  }
  if (threadIdx.x == 0) *out = sum;
}

__global__ void machine_block_sum(const float* in, float* out) {
  SHARED(float, scratch, kWarp);
  const float sum = block_sum(in[threadIdx.x], scratch);
  if (threadIdx.x == 0) *out = sum;
}

/// A whole warp leaves before the barrier of the others, which is allowed.
__global__ void machine_short_block(int* out) {
  if (threadIdx.x >= 32) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}

__global__ void machine_record_order(int* position, int* order) {
  order[(*position)++] = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

template <Mistake mistake>
__global__ void machine_load(const float* in, float* out) {
  float values[4];
  load<4>(in + (mistake == Mistake::misaligned_load ? 1 : 0), values);
  store<4>(out, values);
}

__global__ void machine_read_unwritten(float* out) {
  SHARED(float, tile, 32);
  out[threadIdx.x] = tile[threadIdx.x];
}

__global__ void machine_much_shared(float* out) {
  SHARED(float, first, 8 * 1024);
  SHARED(float, second, 8 * 1024);
  first[threadIdx.x] = second[threadIdx.x] = 0;
  out[threadIdx.x] = first[threadIdx.x];
}

__global__ void machine_nothing(int* out) { out[0] = 1; }

class Machine : public ::testing::Test {
 protected:
  Machine() { simt::set_order(simt::Order::forward); }
  ~Machine() override {
    simt::set_order(simt::Order::forward);
    for (void* block : taken_) memory_.release(block);
  }

  template <class T>
  T* on_device(const std::vector<T>& values) {
    auto* block = static_cast<T*>(memory_.allocate(values.size() * sizeof(T)));
    taken_.push_back(block);
    upload(stream_, block, values.data(), values.size() * sizeof(T));
    return block;
  }
  template <class T>
  std::vector<T> on_host(const T* device, std::size_t count) {
    std::vector<T> values(count);
    download(stream_, values.data(), device, count * sizeof(T));
    return values;
  }
  /// A block of just so many bytes.
  template <class T>
  T* exact(std::size_t count) {
    void* block = nullptr;
    EXPECT_EQ(cudaMalloc(&block, count * sizeof(T)), cudaSuccess);
    return static_cast<T*>(block);
  }
  template <Mistake mistake>
  std::vector<int> reversed() {
    std::vector<int> numbers(64);
    std::iota(numbers.begin(), numbers.end(), 1);
    int* out = on_device(std::vector<int>(64, 0));
    LAUNCH(machine_reverse<mistake>, 1, 64, stream_, on_device(numbers), out);
    return on_host(out, 64);
  }
  template <Mistake mistake>
  float warp_total() {
    std::vector<float> numbers(32);
    std::iota(numbers.begin(), numbers.end(), 1.0F);
    float* out = on_device(std::vector<float>(1, 0.0F));
    LAUNCH(machine_warp_sum<mistake>, 1, 32, stream_, on_device(numbers), out);
    return on_host(out, 1)[0];
  }
  /// What the machine says against it.
  template <class Launch>
  std::string fault_of(const Launch& launch) {
    try {
      launch();
    } catch (const simt::Fault& fault) {
      return fault.what();
    }
    return "";
  }

  Allocator memory_{kCuda};
  std::vector<void*> taken_;
  Stream stream_{kCuda, 1, memory_};
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr simt::Order kOrders[] = {simt::Order::forward, simt::Order::reverse, simt::Order::shuffled};

TEST_F(Machine, RunsAKernelInEveryOrder) {
  std::vector<int> expected(64);
  std::iota(expected.rbegin(), expected.rend(), 1);
  for (const simt::Order order : kOrders) {
    simt::set_order(order);
    EXPECT_EQ(reversed<Mistake::none>(), expected);
    EXPECT_EQ(warp_total<Mistake::none>(), 528);
  }
}

TEST_F(Machine, ARemovedBarrierShows) {
  const std::vector<int> right = reversed<Mistake::none>();
  for (const simt::Order order : kOrders) {
    simt::set_order(order);
    EXPECT_NE(reversed<Mistake::no_barrier>(), right);
  }
}

TEST_F(Machine, ARemovedShuffleShows) {
  for (const simt::Order order : kOrders) {
    simt::set_order(order);
    EXPECT_NE(warp_total<Mistake::no_shuffle>(), 528);
  }
}

TEST_F(Machine, AnOverrunOfSharedMemoryIsCaught) {
  EXPECT_DEATH(reversed<Mistake::shared_overrun>(), "heap-buffer-overflow");
}

TEST_F(Machine, AnOverrunOfGlobalMemoryIsCaught) {
  int* out = exact<int>(64);
  const int* in = on_device(std::vector<int>(64, 0));
  EXPECT_DEATH(LAUNCH(machine_reverse<Mistake::global_overrun>, 1, 64, stream_, in, out), "AddressSanitizer");
  cudaFree(out);
}

TEST_F(Machine, AnEarlyReturnBeforeABarrierIsCaught) {
  for (const simt::Order order : kOrders) {
    simt::set_order(order);
    const std::string fault = fault_of([&] { reversed<Mistake::early_return>(); });
    for (const char* part :
         {"machine_reverse", "block 0,0,0", "has returned before the barrier", "machine_test.cpp:"}) {
      EXPECT_TRUE(contains(fault, part)) << fault;
    }
  }
}

TEST_F(Machine, AWholeWarpMayReturnBeforeABarrier) {
  int* out = on_device(std::vector<int>(32, 0));
  LAUNCH(machine_short_block, 1, 96, stream_, out);
  EXPECT_EQ(on_host(out, 32), std::vector<int>(32, 1));
}

TEST_F(Machine, ADivergentBarrierIsCaught) {
  EXPECT_TRUE(contains(fault_of([&] { reversed<Mistake::divergent_barrier>(); }), "while others wait at"));
}

TEST_F(Machine, ADivergentShuffleIsCaught) {
  EXPECT_TRUE(contains(fault_of([&] { warp_total<Mistake::divergent_shuffle>(); }), "before the warp operation"));
}

TEST_F(Machine, SumsABlockInTheSameOrderAlways) {
  std::vector<float> numbers(256);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = 1.0F / static_cast<float>(i + 1);
  std::vector<float> sums;
  for (const simt::Order order : kOrders) {
    simt::set_order(order);
    float* out = on_device(std::vector<float>(1, 0.0F));
    LAUNCH(machine_block_sum, 1, 256, stream_, on_device(numbers), out);
    sums.push_back(on_host(out, 1)[0]);
  }
  EXPECT_NEAR(sums[0], 6.1243F, 1e-4F);
  EXPECT_EQ(sums[0], sums[1]);
  EXPECT_EQ(sums[0], sums[2]);
}

TEST_F(Machine, KeepsTheOrderItIsTold) {
  const auto run = [&](simt::Order order) {
    simt::set_order(order);
    int* position = on_device(std::vector<int>(1, 0));
    int* out = on_device(std::vector<int>(128, -1));
    LAUNCH(machine_record_order, 4, 32, stream_, position, out);
    return on_host(out, 128);
  };
  std::vector<int> expected(128);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(run(simt::Order::forward), expected);
  std::vector<int> shuffled = run(simt::Order::shuffled);
  EXPECT_NE(shuffled, expected);
  EXPECT_FALSE(std::is_sorted(shuffled.begin(), shuffled.begin() + 32)) << "threads are shuffled as blocks are";
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, expected);
  std::reverse(expected.begin(), expected.end());
  EXPECT_EQ(run(simt::Order::reverse), expected);
}

TEST_F(Machine, AMisalignedAccessIsCaught) {
  const float* in = on_device(std::vector<float>(64, 1.0F));
  float* out = on_device(std::vector<float>(64, 0.0F));
  LAUNCH(machine_load<Mistake::none>, 1, 32, stream_, in, out);
  EXPECT_EQ(on_host(out, 4), std::vector<float>(4, 1.0F));
  EXPECT_TRUE(contains(fault_of([&] { LAUNCH(machine_load<Mistake::misaligned_load>, 1, 32, stream_, in, out); }),
                       "assertion"));
}

TEST_F(Machine, UnwrittenSharedMemoryIsNotANumber) {
  float* out = on_device(std::vector<float>(32, 0.0F));
  LAUNCH(machine_read_unwritten, 1, 32, stream_, out);
  for (const float value : on_host(out, 32)) EXPECT_TRUE(std::isnan(value));
}

TEST_F(Machine, RefusesWhatAGpuRefuses) {
  int* out = on_device(std::vector<int>(1, 0));
  float* floats = on_device(std::vector<float>(64, 0.0F));
  const auto refusal = [&](dim3 grid, dim3 block) {
    return fault_of([&] { LAUNCH(machine_nothing, grid, block, stream_, out); });
  };
  EXPECT_EQ(refusal(1, 1024), "");
  EXPECT_TRUE(contains(refusal(1, 1056), "1 to 1024"));
  EXPECT_TRUE(contains(refusal(1, 33), "warp's 32"));
  EXPECT_TRUE(contains(refusal(dim3(1, 65536), 32), "65535"));
  EXPECT_TRUE(contains(refusal(dim3(1, 1, 65536), 32), "65535"));
  EXPECT_TRUE(contains(fault_of([&] { LAUNCH(machine_much_shared, 1, 32, stream_, floats); }), "shared memory"));
}

TEST_F(Machine, HostCodeThatFollowsADevicePointerIsCaught) {
  const int* device = on_device(std::vector<int>(64, 3));
  EXPECT_DEATH(std::printf("%d", device[5]), "use-after-poison");
  EXPECT_EQ(on_host(device, 64)[5], 3);
}

TEST_F(Machine, NotesTheKernelsThatRan) {
  reversed<Mistake::none>();
  const std::vector<std::string> names = simt::launched_kernels();
  EXPECT_EQ(std::count(names.begin(), names.end(), "machine_reverse"), 1);
}

__global__ void machine_add_to(const int* step, int* sum) {
  if (threadIdx.x == 0) *sum += *step;
}

TEST_F(Machine, AGraphRunsWhatWasCapturedAndReadsWhatLiesThere) {
  Context context(kCuda, 1);
  const Buffer step(context, sizeof(int)), sum(context, sizeof(int));
  const auto set = [&](const Buffer& to, int value) { upload(context.stream(), to.as<void>(), &value, sizeof value); };
  const auto total = [&] {
    int value = 0;
    download(context.stream(), &value, sum.as<void>(), sizeof value);
    return value;
  };
  set(step, 5);
  set(sum, 0);
  const auto work = [&] {
    const Buffer scratch(context, 4096);
    LAUNCH(machine_add_to, 1, 32, context.stream(), step.as<int>(), sum.as<int>());
  };
  work();
  EXPECT_EQ(total(), 5);
  {
    Graph graph(context, work);
    EXPECT_EQ(total(), 5) << "capturing runs nothing";
    EXPECT_EQ(context.memory().figures().cached, 4096U);
    const Buffer other(context, 4096);
    EXPECT_EQ(context.memory().figures().cached, 4096U) << "the graph's memory goes to nobody else";
    graph.launch();
    set(step, 100);
    graph.launch();
    EXPECT_EQ(total(), 110);
  }
  EXPECT_THROW(Graph(context, [&] { context.stream().synchronize(); }), Error) << "nothing may wait";
  work();
  EXPECT_EQ(total(), 210) << "a failed capture leaves the stream as it was";
}

}  // namespace
}  // namespace karyon
