// Invariant: the table is that of the paper (Sandler et al. 2018, table 2): expansion, channels, repeats. Strides do
// not show in the weights.
#include "weights/encoder_layout.h"

#include <algorithm>

namespace karyon {

namespace {
struct Stage {
  std::int64_t expansion;
  std::int64_t channels;
  int repeats;
};
constexpr std::array<Stage, 7> kStages{
    {{1, 16, 1}, {6, 24, 2}, {6, 32, 3}, {6, 64, 4}, {6, 96, 3}, {6, 160, 3}, {6, 320, 1}}};
}  // namespace

std::int64_t scaled_channels(std::int64_t channels, double width) {
  constexpr std::int64_t divisor = 8;
  const double exact = static_cast<double>(channels) * width;
  const std::int64_t nearest = static_cast<std::int64_t>(exact + divisor / 2.0) / divisor * divisor;
  const std::int64_t rounded = std::max(divisor, nearest);
  return static_cast<double>(rounded) < 0.9 * exact ? rounded + divisor : rounded;
}

std::array<std::int64_t, 4> EncoderConv::kernel_shape() const {
  if (role == ConvRole::depthwise) return {size, size, outputs, 1};
  return {size, size, inputs, outputs};
}

std::vector<EncoderConv> mobilenet_v2_convs(double width) {
  std::int64_t channels = scaled_channels(32, width);
  std::vector<EncoderConv> convs{{ConvRole::stem, 0, "Conv1", "bn_Conv1", 3, 3, channels}};
  int block = 0;
  for (const Stage& stage : kStages) {
    for (int repeat = 0; repeat < stage.repeats; ++repeat, ++block) {
      const std::string prefix = block == 0 ? "expanded_conv_" : "block_" + std::to_string(block) + "_";
      const auto add = [&](ConvRole role, const std::string& part, std::int64_t size, std::int64_t outputs) {
        convs.push_back({role, block, prefix + part, prefix + part + "_BN", size, channels, outputs});
        channels = outputs;
      };
      const std::int64_t expanded = channels * stage.expansion;
      if (stage.expansion != 1) add(ConvRole::expand, "expand", 1, expanded);
      add(ConvRole::depthwise, "depthwise", 3, expanded);
      add(ConvRole::project, "project", 1, scaled_channels(stage.channels, width));
    }
  }
  return convs;
}

EncoderConv last_conv(double width) {
  return {ConvRole::last,
          0,
          "Conv_1",
          "Conv_1_bn",
          1,
          scaled_channels(320, width),
          scaled_channels(1280, std::max(1.0, width))};
}

}  // namespace karyon
