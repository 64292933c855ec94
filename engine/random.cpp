#include "engine/random.h"

#include <cmath>
#include <numeric>
#include <utility>

namespace karyon {

RandomStream::RandomStream(std::uint64_t seed, Purpose purpose, std::uint32_t item)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      counter_{0, 0, item, static_cast<std::uint32_t>(purpose)} {}

std::uint32_t RandomStream::next_u32() {
  if (left_ == 0) {
    block_ = philox4x32(counter_, key_);
    if (++counter_[0] == 0) ++counter_[1];
    left_ = 4;
  }
  return block_[static_cast<std::size_t>(4 - left_--)];
}

float RandomStream::uniform() { return static_cast<float>(next_u32() >> 8) * 0x1p-24F; }

float RandomStream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double u = (static_cast<double>(next_u32()) + 1.0) * 0x1p-32;  // (0, 1]
  const double angle = 6.283185307179586 * (static_cast<double>(next_u32()) * 0x1p-32);
  const double radius = std::sqrt(-2.0 * std::log(u));
  spare_ = static_cast<float>(radius * std::sin(angle));
  has_spare_ = true;
  return static_cast<float>(radius * std::cos(angle));
}

std::uint32_t RandomStream::below(std::uint32_t bound) {
  // Lemire 2019: reject the few values that would favour the low results.
  const std::uint32_t threshold = (0U - bound) % bound;
  while (true) {
    const std::uint64_t product = std::uint64_t{next_u32()} * bound;
    if (static_cast<std::uint32_t>(product) >= threshold) return static_cast<std::uint32_t>(product >> 32);
  }
}

std::vector<std::int32_t> RandomStream::permutation(std::int32_t count) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[below(static_cast<std::uint32_t>(i))]);
  }
  return order;
}

}  // namespace karyon
