#include "apps/data/workers.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace karyon {

void for_each_item(std::size_t count, int threads, const Progress& progress,
                   const std::function<void(std::size_t index, int worker)>& body) {
  std::mutex mutex;
  std::size_t next = 0, done = 0;
  std::exception_ptr error;
  const auto work = [&](int worker) {
    std::unique_lock lock(mutex);
    while (next < count && !error) {
      const std::size_t index = next++;
      lock.unlock();
      try {
        body(index, worker);
        lock.lock();
        ++done;
        if (progress) progress(done, count);
      } catch (...) {
        if (!lock.owns_lock()) lock.lock();
        if (!error) error = std::current_exception();
      }
    }
  };
  const auto helpers = static_cast<int>(std::min(count, static_cast<std::size_t>(std::max(threads, 1)))) - 1;
  std::vector<std::jthread> pool;
  for (int worker = 1; worker <= helpers; ++worker) pool.emplace_back(work, worker);
  work(0);
  pool.clear();  // joins
  if (error) std::rethrow_exception(error);
}

}  // namespace karyon
