// ImageNet weights of MobileNetV2's encoder, from any publisher's file to one canonical form.
// Invariant: what is returned is complete, finite and of the shapes that the width asks for, and carries the facts
// (padding, activation, scaling, epsilon) that its publisher's network had; a file that cannot be told for certain is
// refused.
#pragma once

#include <filesystem>

#include "kernels/augment.h"
#include "weights/archive.h"
#include "weights/named_array.h"

namespace karyon {

struct EncoderWeights {
  std::string container;           // "safetensors"
  std::string family;              // "tf-slim"
  std::string padding;             // "same": TensorFlow's, from the real size; "symmetric": 1 on every side
  std::string activation;          // "relu6"
  std::string normalisation_name;  // "x/127.5-1"
  Normalisation normalisation;     // the same in numbers
  std::string batch_norm;          // in the file: "separate", or "folded" into the convolutions
  double batch_norm_epsilon = 0;
  double batch_norm_momentum = 0;  // in Keras's convention, as the publisher trained
  double width = 1;                // width multiplier, read off the shapes
  std::int64_t classes = 0;        // of the classifier; 0 where the file has none
  int tensors_used = 0;            // by the encoder
  int tensors_unused = 0;          // the last 1x1, the classifier, and counters
  std::string sha256;              // of the whole file
  /// For each convolution in the network's order NAME/kernel (HWIO; depthwise HWC1), BN/gamma, BN/beta,
  /// BN/moving_mean, BN/moving_variance, under Keras's layer names ("Conv1/kernel", "bn_Conv1/gamma",
  /// "block_16_project_BN/beta"). Where batch norm was folded: gamma = sqrt(1 + epsilon), beta = the bias, mean 0 and
  /// variance 1, which is the identity but for the bias.
  std::vector<NamedArray> tensors;
  /// Where there is a classifier: the same of Conv_1 and Conv_1_bn, then predictions/kernel (1, 1, channels, classes)
  /// and predictions/bias.
  std::vector<NamedArray> classifier_tensors;
};

/// Error no_input when there is no file; bad_data when it is a folder or an address, is broken, is of no known family
/// (naming those it recognises), or its tensors differ from what the family has (one message lists all differences), or
/// a value is not finite or beyond 1e6, or a variance is negative. A config.json of Hugging Face's beside the file is
/// heeded.
EncoderWeights load_encoder_weights(const std::filesystem::path& path);

/// The same from an archive that is open already; `source` names it in messages; sha256 stays empty.
EncoderWeights read_encoder_weights(const Archive& archive, const std::string& source);

}  // namespace karyon
