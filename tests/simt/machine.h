// The SIMT machine: runs a CUDA kernel on the CPU, thread by thread, and finds what a GPU would hide.
// Invariant: every thread of a block is a fiber that runs until it waits for others (barrier, shuffle, warp operation)
// or ends; who runs first is the order (forward, reverse, shuffled anew each round), for threads and for blocks. A
// kernel that is right gives the same bits in each. The machine refuses what a GPU refuses and what kernels/simt.h
// forbids: it throws a Fault that names the kernel, the block and the place. It says nothing about speed, coalescing
// or memory order. One kernel runs at a time, on the calling thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  dim3() = default;
  dim3(unsigned first, unsigned second = 1, unsigned third = 1)  // NOLINT(google-explicit-constructor): as CUDA's
      : x(first), y(second), z(third) {}
};

extern uint3 threadIdx, blockIdx;  // NOLINT(readability-identifier-naming): CUDA's names
extern dim3 blockDim, gridDim;     // NOLINT(readability-identifier-naming)

namespace karyon::simt {

class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Order : std::uint8_t { forward, reverse, shuffled };

constexpr std::size_t kSharedLimit = std::size_t{48} * 1024;  // bytes a block without opting in
constexpr unsigned kWarpSize = 32;

/// The order from now on; at first what KARYON_SIMT_ORDER says ("forward", "reverse", "shuffled"), else forward.
void set_order(Order order);
Order order();

/// What the machine leaves out on purpose, to see that the tests notice: every barrier of a block, or every exchange
/// between lanes (each gets its own value back).
enum class Sabotage : std::uint8_t { none, barriers, exchanges };
void set_sabotage(Sabotage sabotage);

/// The source text of the next kernel, for faults and for launched_kernels().
void name_launch(const char* text);
std::string launch_name();
/// The kernels that ran since the program began, by name, without template arguments.
std::vector<std::string> launched_kernels();

/// Runs body() for every thread. Throws Fault.
void run_grid(dim3 grid, dim3 block, const std::function<void()>& body);
/// Whether a kernel is running: device code, which alone may touch device memory.
bool in_kernel();

/// Ends the running kernel with a Fault.
[[noreturn]] void fail_kernel(const std::string& what);

/// The block's array `id` of `bytes` bytes, made (and filled with 0xff: NaN) by the first thread that asks for it.
void* shared_bytes(int id, std::size_t bytes);
template <class T>
T* shared_array(int id, std::size_t count) {
  return static_cast<T*>(shared_bytes(id, count * sizeof(T)));
}

/// __syncthreads(): every thread of the block comes here, but for whole warps that have ended.
void block_barrier(const std::source_location& where);
/// A barrier of the warp's 32 lanes.
void warp_barrier(const std::source_location& where);
/// Every lane gives `bytes` bytes and takes those of `source_lane`.
void warp_exchange(const void* mine, void* theirs, std::size_t bytes, unsigned source_lane,
                   const std::source_location& where);
unsigned lane();

}  // namespace karyon::simt
