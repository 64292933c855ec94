// The single layers of an ONNX graph: what a node says of itself, checked against what MobileNetV2 can hold.
// Invariant: a layer that is returned has tensors whose shapes fit each other; pointers go to constants of the wiring.
#pragma once

#include <array>
#include <optional>

#include "weights/onnx_wiring.h"

namespace karyon {

/// Rows above, columns to the left, rows below, columns to the right.
using OnnxPads = std::array<std::int64_t, 4>;

/// What the padding of one convolution speaks for: at stride 1 both kinds look the same.
enum class OnnxPadding : std::uint8_t { either, symmetric, same };

struct OnnxConv {
  const LoadedTensor* kernel = nullptr;  // OIHW, size 1x1 or 3x3
  const LoadedTensor* bias = nullptr;    // [outputs], or nullptr
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
  std::int64_t group = 1;
  std::int64_t size = 1;
  std::int64_t stride = 1;
  OnnxPadding padding = OnnxPadding::either;
};

struct OnnxBatchNorm {
  // [channels] each
  const LoadedTensor* scale = nullptr;
  const LoadedTensor* bias = nullptr;
  const LoadedTensor* mean = nullptr;
  const LoadedTensor* variance = nullptr;
  float epsilon = 0;
};

struct OnnxLinear {
  LoadedTensor weight;  // [classes, channels]
  std::optional<LoadedTensor> bias;
};

// All throw Error bad_data naming the node, what was found and what was expected.

/// Of a Pad node: zeros around the image alone.
OnnxPads pads_of(const OnnxWiring& wiring, const OnnxNode& pad);
/// `padded` is what a Pad node before it added.
OnnxConv conv_of(const OnnxWiring& wiring, const OnnxNode& conv, const OnnxPads& padded);
OnnxBatchNorm batch_norm_of(const OnnxWiring& wiring, const OnnxNode& node, std::int64_t channels);
/// A Clip must be ReLU6: between 0 and 6.
void check_relu6(const OnnxWiring& wiring, const OnnxNode& clip);
/// A Gemm, a MatMul with the Add behind it (or nullptr), or a 1x1 Conv.
OnnxLinear linear_of(const OnnxWiring& wiring, const OnnxNode& node, const OnnxNode* sum, std::int64_t channels);

}  // namespace karyon
