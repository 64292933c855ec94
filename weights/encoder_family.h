// What one publisher's MobileNetV2 files look like and mean: names, layouts, and the facts that no shape shows.
// Invariant: a family is data and small name functions; a further family is another description and an entry in
// encoder_families(), and no code that reads weights changes.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "kernels/augment.h"
#include "weights/archive.h"
#include "weights/encoder_layout.h"

namespace karyon {

struct EncoderFamily {
  std::string_view name;                // "tf-slim"
  std::string_view padding;             // "same" (TensorFlow's, from the real size) or "symmetric" (1 on every side)
  std::string_view activation;          // "relu6"
  std::string_view normalisation_name;  // "x/127.5-1"
  Normalisation normalisation;
  double batch_norm_epsilon = 0;
  // Axis k of Karyon's kernel (HWIO, depthwise HWC1) is axis [k] of the file's.
  std::array<std::size_t, 4> conv_axes{};
  std::array<std::size_t, 4> depthwise_axes{};
  // The convolution's kernel, and the bias that a batch norm folded into it left.
  std::string (*kernel_name)(const EncoderConv& conv);
  std::string (*bias_name)(const EncoderConv& conv);
  bool (*is_optional)(std::string_view tensor);    // the last 1x1 and the classifier, which the encoder does without
  bool (*is_classifier)(std::string_view tensor);  // of these, the classifier
  /// What in the metadata speaks against the family, in words; empty when nothing does or nothing is said.
  std::string (*contradiction)(const Archive& archive);
};

/// The families that are read; the stem's kernel_name tells which one a file is.
std::span<const EncoderFamily> encoder_families();

/// In words what the file's names show it to be when it is none of encoder_families(), such as another publisher's
/// weights; empty when nothing is recognised.
std::string recognised_stranger(const Archive& archive);

}  // namespace karyon
