// A small random encoder in the form in which TF-slim's MobileNetV2 is published.
// Invariant: names, shapes and metadata are those of the published file; values are a function of the seed.
#pragma once

#include <array>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/files.h"
#include "engine/random.h"
#include "weights/encoder_layout.h"
#include "weights/safetensors.h"

namespace karyon {

inline std::vector<std::uint8_t> slim_weights(double width, std::uint64_t seed) {
  RandomStream random(seed, Purpose::bench);
  std::vector<std::vector<float>> values;
  std::vector<SafetensorsTensor> tensors;
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& shape, float scale) {
    std::size_t count = 1;
    for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
    std::vector<float>& numbers = values.emplace_back(count);
    for (float& number : numbers) number = scale * random.normal();
    tensors.push_back({name, ArchiveType::f32, shape, {}});
  };
  for (const EncoderConv& conv : mobilenet_v2_convs(width)) {
    const bool depthwise = conv.role == ConvRole::depthwise;
    std::string scope = "MobilenetV2/Conv/";
    if (conv.role != ConvRole::stem) {
      constexpr std::array<const char*, 4> parts{"", "expand/", "depthwise/", "project/"};
      const std::string block = conv.block == 0 ? "" : "_" + std::to_string(conv.block);
      scope = "MobilenetV2/expanded_conv" + block + "/" + parts[static_cast<std::size_t>(conv.role)];
    }
    const std::int64_t fan_in = conv.size * conv.size * (depthwise ? 1 : conv.inputs);
    const float scale = std::sqrt(2.0F / static_cast<float>(fan_in));
    if (depthwise) {
      add(scope + "depthwise_weights", {1, conv.size, conv.size, conv.outputs}, scale);
    } else {
      add(scope + "weights", {conv.outputs, conv.size, conv.size, conv.inputs}, scale);
    }
    add(scope + "biases", {conv.outputs}, 0.1F);
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    tensors[i].bytes = {reinterpret_cast<const std::uint8_t*>(values[i].data()), values[i].size() * sizeof(float)};
  }
  return encode_safetensors(tensors, {{"batch_norm", "folded into weights and biases"},
                                      {"padding", "SAME (TensorFlow, asymmetric at stride 2)"},
                                      {"input", "RGB, x/127.5-1"}});
}

}  // namespace karyon
