// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011).
// Invariant: a number is a pure function of (seed, purpose, position), so streams never shift each other, and a run can
// be taken up at any position. Purposes are fixed by name here; a new one goes behind.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/philox.h"

namespace karyon {

enum class Purpose : std::uint32_t {
  initial_weights = 1,
  split = 2,
  shuffle = 3,
  flips = 4,
  synthetic = 5,
  bench = 6,
  // what augmentation does to an image beside flips
  transpose = 7,
  brightness = 8,
  colour = 9,
  noise = 10,
  scale = 11,
  crop = 12
};

class RandomStream {
 public:
  /// `item` selects one of 2^32 independent streams of the purpose (an epoch, an image, a parameter).
  RandomStream(std::uint64_t seed, Purpose purpose, std::uint32_t item = 0);

  std::uint32_t next_u32();
  /// [0, 1) with 24 bits.
  float uniform();
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  /// Standard normal, by Box and Muller.
  float normal();
  /// 0 .. bound-1 without bias; bound >= 1.
  std::uint32_t below(std::uint32_t bound);
  /// 0 .. count-1 shuffled (Fisher and Yates).
  std::vector<std::int32_t> permutation(std::int32_t count);

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int left_ = 0;
  bool has_spare_ = false;
  float spare_ = 0;
};

}  // namespace karyon
