// The convolutions of MobileNetV2's encoder under Karyon's canonical names, which are Keras's layer names.
// Invariant: the list follows from the width multiplier alone; every convolution is without bias and has its own batch
// norm behind it. The last 1x1 (Conv_1), which only the classifier needs, stands apart.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace karyon {

enum class ConvRole : std::uint8_t { stem, expand, depthwise, project, last };

struct EncoderConv {
  ConvRole role = ConvRole::stem;
  int block = 0;            // 0 .. 16; 0 for the stem and the last 1x1 too
  std::string name;         // "block_3_expand": its kernel is "block_3_expand/kernel"
  std::string batch_norm;   // "block_3_expand_BN"
  std::int64_t size = 1;    // kernel height and width
  std::int64_t inputs = 0;  // channels; for a depthwise convolution inputs == outputs
  std::int64_t outputs = 0;
  /// HWIO; HWC1 for a depthwise convolution.
  [[nodiscard]] std::array<std::int64_t, 4> kernel_shape() const;
};

/// The 51 convolutions in the order in which the network runs them.
std::vector<EncoderConv> mobilenet_v2_convs(double width);

/// The 1x1 convolution between the encoder and the classifier; a width below 1 does not narrow it.
EncoderConv last_conv(double width);

/// Channels scaled by the width multiplier as MobileNetV2 does: the nearest multiple of 8, at least 8, and never more
/// than a tenth below the exact number.
std::int64_t scaled_channels(std::int64_t channels, double width);

}  // namespace karyon
