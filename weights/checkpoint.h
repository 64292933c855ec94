// Karyon's own checkpoint: a trained U-Net as safetensors whose metadata says all that is needed to run it again.
// Invariant: load(save(c)) == c to the last bit (in 16 bits: to the nearest half); equal checkpoints give equal bytes;
// a stored digest of the tensors' bytes is verified before anything is believed. Numbers are written with "." in every
// locale.
#pragma once

#include <array>
#include <filesystem>
#include <map>

#include "kernels/augment.h"
#include "weights/array_file.h"
#include "weights/named_array.h"

namespace karyon {

/// How a group of batch norms was built, in Keras's convention.
struct BatchNormSettings {
  double epsilon = 1e-3;
  double momentum = 0.99;
};

struct Checkpoint {
  double width = 1;  // of the encoder
  std::vector<int> decoder_filters{512, 256, 128, 64};
  int classes = 2;
  int image_height = 128;
  int image_width = 128;
  std::string scale = "resized";     // pictures as a whole at the image size, or "native": any part of them as it is
  std::string encoder_family;        // "tf-slim", or what the encoder started from otherwise
  std::string padding = "same";      // "same" or "symmetric"
  std::string activation = "relu6";  // of the encoder: "relu6" or "relu"
  std::string normalisation_name;    // "x/127.5-1"
  Normalisation normalisation;       // the same in numbers
  BatchNormSettings encoder_batch_norm{1e-3, 0.999};
  BatchNormSettings decoder_batch_norm{1e-3, 0.99};
  double threshold = 0.5;         // on the foreground's probability
  double marker_threshold = 0.5;  // on the interior's, of three classes, for the seeds of nuclei
  int min_area = 16;              // of a nucleus, in pixels
  int epoch = 0;
  std::map<std::string, double> scores;  // "val_iou" and the like, at that epoch
  // The lowest and highest value of each layer's activations, for int8 inference; empty: not measured.
  std::map<std::string, std::array<float, 2>> activation_ranges;
  std::vector<float> probe;  // what the network answers to a known image (model_probe.h); empty: not stored
  /// "encoder/Conv1/kernel" (HWIO), "up_1/conv_transpose/kernel" (HWOI), "up_1/batch_norm/gamma", "head/kernel", ...
  std::vector<NamedArray> tensors;
};

/// The file's bytes. Error diverged when a value of a tensor is not finite; bad_data when one is too large for 16 bits.
std::vector<std::uint8_t> encode_checkpoint(const Checkpoint& checkpoint, Storage storage = Storage::full);

/// The inverse; `source` names the bytes in messages. Error bad_data when they are broken, are no checkpoint of
/// Karyon's, have a newer format version or another architecture, lack a field, or the tensors do not match the stored
/// digest or are not finite.
Checkpoint decode_checkpoint(std::vector<std::uint8_t> bytes, const std::string& source);

/// Writes the whole file or nothing. Errors of encode_checkpoint and of write_file.
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// Errors of read_file and of decode_checkpoint. Where FILE.prev exists beside a broken file, the message says so.
Checkpoint load_checkpoint(const std::filesystem::path& path);

}  // namespace karyon
