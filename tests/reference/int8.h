// The int8 convolutions as their headers say them, one sum after the other.
// Invariant: plain loops over 64-bit integers; the only float is the requantisation's own formula.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/random.h"
#include "kernels/requantise_int8.h"
#include "kernels/view.h"

namespace karyon::testing {

/// A picture of bytes with room in its pitch.
struct ByteImage {
  int n, h, w, c, pitch;
  std::vector<std::uint8_t> bytes;

  ByteImage(int images, int height, int width, int channels, int pixel_pitch)
      : n(images), h(height), w(width), c(channels), pitch(pixel_pitch) {
    bytes.resize(static_cast<std::size_t>(n) * static_cast<std::size_t>(h) * static_cast<std::size_t>(w) *
                     static_cast<std::size_t>(pitch) +
                 4);
  }
  [[nodiscard]] View<std::uint8_t> view() { return {bytes.data(), n, h, w, c, pitch}; }
  [[nodiscard]] View<const std::uint8_t> view() const { return {bytes.data(), n, h, w, c, pitch}; }
  [[nodiscard]] int at(int in, int y, int x, int ch) const { return view().at(in, y, x)[ch]; }
};

/// Every byte there is, the extremes more often; the gaps of the pitch too.
inline void fill_random(ByteImage& image, RandomStream& random) {
  for (std::uint8_t& byte : image.bytes) {
    const std::uint32_t word = random.next_u32();
    byte = (word & 0x700U) == 0 ? 255 : static_cast<std::uint8_t>(word);
  }
}

/// From -127 to 127.
inline std::vector<std::int8_t> random_weights(std::size_t count, RandomStream& random) {
  std::vector<std::int8_t> weights(count);
  for (std::int8_t& w : weights) w = static_cast<std::int8_t>(static_cast<int>(random.below(255)) - 127);
  return weights;
}

inline std::vector<std::int32_t> random_bias(std::size_t count, RandomStream& random) {
  std::vector<std::int32_t> bias(count);
  for (std::int32_t& b : bias) b = static_cast<std::int32_t>(random.below(100000)) - 50000;
  return bias;
}

/// Such that sums of `terms` products spread over the bytes; as many as the kernels read.
inline std::vector<float> random_scale(int count, int terms, RandomStream& random) {
  std::vector<float> scale(static_cast<std::size_t>((count + 15) / 16 * 16));
  for (float& s : scale) {
    s = (0.5F + static_cast<float>(random.below(1000)) / 1000) / (60 * std::sqrt(static_cast<float>(terms)));
  }
  return scale;
}

namespace reference {

inline int requantise(std::int64_t sum, float scale, const ByteOutput& output, const int* residual) {
  float value = static_cast<float>(static_cast<std::int32_t>(sum)) * scale;
  if (residual != nullptr) {
    const volatile float added = static_cast<float>(*residual) * output.residual_scale;  // rounded by itself
    const volatile float product = value;
    value = product + added;
  }
  const double rounded = std::nearbyint(static_cast<double>(value));
  return static_cast<int>(
      std::clamp(rounded + output.zero, static_cast<double>(output.low), static_cast<double>(output.high)));
}

}  // namespace reference

}  // namespace karyon::testing
