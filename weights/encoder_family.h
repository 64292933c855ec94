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

/// What a family's metadata may say, where it says anything: under `key` stands a text that begins with `begins`.
struct MetadataFact {
  std::string_view key;
  std::string_view begins;
};

struct EncoderFamily {
  std::string_view name;                // "tf-slim"
  std::string_view padding;             // "same" (TensorFlow's, from the real size) or "symmetric" (1 on every side)
  std::string_view activation;          // "relu6"
  std::string_view normalisation_name;  // "x/127.5-1"
  Normalisation normalisation;
  double batch_norm_epsilon = 0;
  double batch_norm_momentum = 0;  // in Keras's convention: the share of the old statistics
  // Axis k of Karyon's kernel (HWIO, depthwise HWC1) is axis [k] of the file's.
  std::array<std::size_t, 4> conv_axes{};
  std::array<std::size_t, 4> depthwise_axes{};
  std::string (*kernel_name)(const EncoderConv& conv) = nullptr;
  // Where batch norm was folded into the convolution, the bias that it left; null where the family has no such files.
  std::string (*bias_name)(const EncoderConv& conv) = nullptr;
  // Where it was not, its parameters are norm_name + "/" or "." + word; null where the family has no such files.
  std::string (*norm_name)(const EncoderConv& conv) = nullptr;
  std::array<std::string_view, 4> norm_words{};  // of gamma, beta, moving mean and moving variance
  std::string_view classifier_kernel, classifier_bias;
  std::array<std::size_t, 2> classifier_axes{};  // where inputs and classes stand among the file's axes; others are 1
  std::size_t classifier_rank = 2;
  std::string_view bookkeeping;  // tensors whose names end so are no weights; empty: none
  std::span<const MetadataFact> facts;
};

/// The families that are read; the stem's kernel_name tells which one a file is, and for two forms of one family
/// whether the stem's bias or batch norm is there.
std::span<const EncoderFamily> encoder_families();

/// By its name ("timm"), of several forms the first. Error internal when there is none.
const EncoderFamily& encoder_family(std::string_view name);

/// What Gluon's files hold, in words.
inline constexpr std::string_view kGluonsNetwork =
    "Gluon's MobileNetV2, another network: stride at block 10, plain ReLU; it would load without an error and compute "
    "nonsense";

/// What in the archive's metadata speaks against the family, in words; empty when nothing does or nothing is said.
std::string contradiction(const EncoderFamily& family, const Archive& archive);

/// In words what the file's names show it to be when it is none of encoder_families(), such as another publisher's
/// weights; empty when nothing is recognised.
std::string recognised_stranger(const Archive& archive);

}  // namespace karyon
