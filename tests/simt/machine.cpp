#include "tests/simt/machine.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <random>
#include <set>
#include <string_view>
#include <utility>

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sys/mman.h>
#include <ucontext.h>

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace karyon::simt {

namespace {

constexpr std::size_t kStackBytes = std::size_t{128} * 1024;
constexpr std::size_t kLargestExchange = 16;

enum class State : std::uint8_t { ready, at_barrier, at_warp, done };

/// Where a thread waits.
struct Place {
  const char* file = "";
  unsigned line = 0;
  friend bool operator==(const Place& a, const Place& b) {
    return a.line == b.line && std::string_view(a.file) == b.file;
  }
  [[nodiscard]] std::string text() const { return std::string(file) + ":" + std::to_string(line); }
};

/// A stack of its own; kept and used again by the next block.
struct Fiber {
  ucontext_t context{};
  void* stack = nullptr;
  State state = State::ready;
  Place place;
  bool started = false;
  unsigned exchanges = 0;  // how many this thread has taken part in: its parity picks the buffer
};

struct Warp {
  // Two buffers: a lane that is quick may give its next value before a slow one has taken this one's.
  std::array<std::array<std::array<unsigned char, kLargestExchange>, kWarpSize>, 2> values;
};

constexpr std::align_val_t kSharedAlignment{32};  // as SHARED promises on a GPU

struct FreeShared {
  void operator()(unsigned char* bytes) const { ::operator delete[](bytes, kSharedAlignment); }
};

/// Freed with the block, so that AddressSanitizer sees its ends.
struct SharedArray {
  std::unique_ptr<unsigned char[], FreeShared> bytes;
  std::size_t size = 0;
};

Order first_order() {
  const char* text = std::getenv("KARYON_SIMT_ORDER");
  const std::string_view word = text == nullptr ? "forward" : text;
  if (word == "forward") return Order::forward;
  if (word == "reverse") return Order::reverse;
  if (word == "shuffled") return Order::shuffled;
  throw std::invalid_argument("KARYON_SIMT_ORDER is none of forward, reverse, shuffled");
}

struct Machine {
  Order order = first_order();
  Sabotage sabotage = Sabotage::none;
  std::mt19937 random{20181};  // NOLINT(cert-msc51-cpp): the same shuffle every time
  std::set<std::string> launched;
  std::string kernel = "a kernel without a name";

  bool running = false;
  const std::function<void()>* body = nullptr;
  std::vector<Fiber> fibers;  // at least as many as the largest block so far
  unsigned threads = 0;       // of the running block
  std::vector<Warp> warps;
  std::map<int, SharedArray> shared;
  std::size_t shared_total = 0;
  unsigned current = 0;
  ucontext_t scheduler{};
  const void* scheduler_stack = nullptr;
  std::size_t scheduler_stack_size = 0;
  std::string fault;
};

Machine& machine() {
  static Machine the_machine;
  return the_machine;
}

std::vector<std::size_t> in_order(std::size_t count) {
  Machine& m = machine();
  std::vector<std::size_t> indices(count);
  for (std::size_t i = 0; i < count; ++i) indices[i] = m.order == Order::reverse ? count - 1 - i : i;
  if (m.order == Order::shuffled) std::shuffle(indices.begin(), indices.end(), m.random);
  return indices;
}

/// From a fiber back to the scheduler.
void leave_fiber(bool for_good) {
  Machine& m = machine();
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack, m.scheduler_stack, m.scheduler_stack_size);
  swapcontext(&m.fibers[m.current].context, &m.scheduler);
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
}

void fiber_main() {
  Machine& m = machine();
  __sanitizer_finish_switch_fiber(nullptr, &m.scheduler_stack, &m.scheduler_stack_size);
  try {
    (*m.body)();
  } catch (const Fault& fault) {
    m.fault = fault.what();
  }
  m.fibers[m.current].state = State::done;
  leave_fiber(true);
}

std::string place_of_thread() {
  const auto triple = [](auto v) {
    return std::to_string(v.x) + "," + std::to_string(v.y) + "," + std::to_string(v.z);
  };
  return machine().kernel + ", block " + triple(blockIdx) + ", thread " + triple(threadIdx);
}

void set_thread(unsigned index) {
  machine().current = index;
  threadIdx.x = index % blockDim.x;
  threadIdx.y = index / blockDim.x % blockDim.y;
  threadIdx.z = index / blockDim.x / blockDim.y;
}

/// From the scheduler to a fiber, and back when it leaves.
void enter_fiber(Fiber& fiber) {
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, fiber.stack, kStackBytes);
  swapcontext(&machine().scheduler, &fiber.context);
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
}

/// Runs a thread until it waits or ends.
void resume(unsigned index) {
  Machine& m = machine();
  Fiber& fiber = m.fibers[index];
  set_thread(index);
  if (!fiber.started) {
    fiber.started = true;
    if (fiber.stack == nullptr) {
      fiber.stack =
          mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (fiber.stack == MAP_FAILED) throw std::bad_alloc();
    }
    __asan_unpoison_memory_region(fiber.stack, kStackBytes);  // what an abandoned thread left there
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, fiber_main, 0);
  }
  enter_fiber(fiber);
}

void wait(State state, const std::source_location& where) {
  Machine& m = machine();
  if (!m.running) throw std::logic_error("a barrier outside of a kernel");
  Fiber& fiber = m.fibers[m.current];
  fiber.state = state;
  fiber.place = {where.file_name(), where.line()};
  leave_fiber(false);
}

[[noreturn]] void fail_at(unsigned thread, const std::string& what) {
  set_thread(thread);
  throw Fault(place_of_thread() + ": " + what);
}

/// Lets a warp go on whose lanes all wait for each other; a warp of which only some do is divergent.
bool release_warp(unsigned first) {
  Machine& m = machine();
  unsigned waiting = 0, one = first;
  for (unsigned t = first; t < first + kWarpSize; ++t) {
    if (m.fibers[t].state != State::at_warp) continue;
    ++waiting;
    one = t;
  }
  if (waiting == 0) return false;
  for (unsigned t = first; t < first + kWarpSize; ++t) {
    const Fiber& fiber = m.fibers[t];
    if (fiber.state == State::at_warp && fiber.place == m.fibers[one].place) continue;
    fail_at(t, fiber.state == State::done
                   ? "has returned before the warp operation at " + m.fibers[one].place.text()
                   : "waits at " + fiber.place.text() + " while its warp is at " + m.fibers[one].place.text());
  }
  for (unsigned t = first; t < first + kWarpSize; ++t) m.fibers[t].state = State::ready;
  return true;
}

void release_barrier() {
  Machine& m = machine();
  unsigned one = 0;
  while (m.fibers[one].state != State::at_barrier) ++one;
  for (unsigned t = 0; t < m.threads; ++t) {
    const Fiber& fiber = m.fibers[t];
    if (fiber.state == State::at_barrier) {
      if (fiber.place == m.fibers[one].place) continue;
      fail_at(t,
              "waits at the barrier at " + fiber.place.text() + " while others wait at " + m.fibers[one].place.text());
    }
    // A warp may be gone as a whole; a thread may not.
    for (unsigned lane = t / kWarpSize * kWarpSize; lane < (t / kWarpSize + 1) * kWarpSize; ++lane) {
      if (m.fibers[lane].state != State::done) {
        fail_at(t, "has returned before the barrier at " + m.fibers[one].place.text() + " where its warp waits");
      }
    }
  }
  for (unsigned t = 0; t < m.threads; ++t) {
    if (m.fibers[t].state == State::at_barrier) m.fibers[t].state = State::ready;
  }
}

/// Of the warps that wait for their own lanes one goes on at a time, so that in forward order the first is as far ahead
/// of the others as the block's barriers let it be.
void run_block() {
  Machine& m = machine();
  m.shared.clear();
  m.shared_total = 0;
  for (unsigned t = 0; t < m.threads; ++t) {
    Fiber& fiber = m.fibers[t];
    fiber.state = State::ready;
    fiber.started = false;
    fiber.exchanges = 0;
  }
  std::size_t first = 0, count = m.threads;  // whom the last release let go on
  while (true) {
    for (const std::size_t t : in_order(count)) {
      if (m.fibers[first + t].state == State::ready) resume(static_cast<unsigned>(first + t));
      if (!m.fault.empty()) throw Fault(std::exchange(m.fault, {}));
    }
    bool all_done = true;
    for (unsigned t = 0; t < m.threads; ++t) all_done = all_done && m.fibers[t].state == State::done;
    if (all_done) break;
    count = 0;
    for (const std::size_t warp : in_order(m.threads / kWarpSize)) {
      if (!release_warp(static_cast<unsigned>(warp) * kWarpSize)) continue;
      first = warp * kWarpSize;
      count = kWarpSize;
      break;
    }
    if (count > 0) continue;
    release_barrier();
    first = 0;
    count = m.threads;
  }
  m.shared.clear();
}

void check_limits(dim3 grid, dim3 block) {
  const auto refuse = [](const std::string& what) { throw Fault(machine().kernel + ": " + what); };
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > 1024)
    refuse("a block of " + std::to_string(threads) + " threads; 1 to 1024 are allowed");
  if (threads % kWarpSize != 0)
    refuse("a block of " + std::to_string(threads) + " threads, no multiple of a warp's 32");
  if (block.z > 64) refuse("blockDim.z is over 64");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) refuse("an empty grid");
  if (grid.x > 2147483647U) refuse("gridDim.x is over 2^31 - 1");
  if (grid.y > 65535 || grid.z > 65535) refuse("gridDim.y or .z is over 65535");
}

/// "(copy<T, 4>)" -> "copy".
std::string bare_name(std::string_view text) {
  while (!text.empty() && (text.front() == '(' || text.front() == ' ')) text.remove_prefix(1);
  return std::string(text.substr(0, text.find_first_of("<) ")));
}

}  // namespace

void set_order(Order order) { machine().order = order; }
Order order() { return machine().order; }
void set_sabotage(Sabotage sabotage) { machine().sabotage = sabotage; }

void name_launch(const char* text) { machine().kernel = bare_name(text); }
std::string launch_name() { return machine().kernel; }

std::vector<std::string> launched_kernels() { return {machine().launched.begin(), machine().launched.end()}; }

bool in_kernel() { return machine().running; }

void fail_kernel(const std::string& what) { throw Fault(place_of_thread() + ": " + what); }

void run_grid(dim3 grid, dim3 block, const std::function<void()>& body) {
  Machine& m = machine();
  if (m.running) throw std::logic_error("a kernel launches no kernel");
  check_limits(grid, block);
  m.launched.insert(m.kernel);
  m.threads = block.x * block.y * block.z;
  if (m.fibers.size() < m.threads) m.fibers.resize(m.threads);
  m.warps.resize(m.threads / kWarpSize);
  m.body = &body;
  gridDim = grid;
  blockDim = block;
  m.running = true;
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  try {
    for (const std::size_t index : in_order(blocks)) {
      blockIdx.x = static_cast<unsigned>(index % grid.x);
      blockIdx.y = static_cast<unsigned>(index / grid.x % grid.y);
      blockIdx.z = static_cast<unsigned>(index / grid.x / grid.y);
      run_block();
    }
  } catch (...) {
    m.shared.clear();
    m.running = false;
    throw;
  }
  m.running = false;
}

void* shared_bytes(int id, std::size_t bytes) {
  Machine& m = machine();
  SharedArray& array = m.shared[id];
  if (array.bytes == nullptr) {
    m.shared_total += (bytes + 31) / 32 * 32;
    if (m.shared_total > kSharedLimit) {
      fail_kernel(std::to_string(m.shared_total) + " bytes of shared memory; a block has " +
                  std::to_string(kSharedLimit));
    }
    array.bytes.reset(static_cast<unsigned char*>(::operator new[](bytes, kSharedAlignment)));
    array.size = bytes;
    std::memset(array.bytes.get(), 0xff, bytes);
  }
  if (array.size != bytes) fail_kernel("two threads see one shared array with different sizes");
  return array.bytes.get();
}

void block_barrier(const std::source_location& where) {
  if (machine().sabotage != Sabotage::barriers) wait(State::at_barrier, where);
}

void warp_barrier(const std::source_location& where) { wait(State::at_warp, where); }

unsigned lane() { return machine().current % kWarpSize; }

void warp_exchange(const void* mine, void* theirs, std::size_t bytes, unsigned source_lane,
                   const std::source_location& where) {
  Machine& m = machine();
  if (bytes > kLargestExchange) fail_kernel("an exchange of more than 16 bytes");
  if (m.sabotage == Sabotage::exchanges) {
    std::memcpy(theirs, mine, bytes);
    return;
  }
  auto& buffer = m.warps[m.current / kWarpSize].values[m.fibers[m.current].exchanges++ % 2];
  std::memcpy(buffer[lane()].data(), mine, bytes);
  wait(State::at_warp, where);
  std::memcpy(theirs, buffer[source_lane % kWarpSize].data(), bytes);
}

}  // namespace karyon::simt
