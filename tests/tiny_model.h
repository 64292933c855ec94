// A U-Net small enough to be run in any test, as a checkpoint.
// Invariant: width 0.35, 32 x 32, random weights by the seed, made large enough for a mask with both nuclei and
// background in it.
#pragma once

#include <cstdint>

#include "apps/training/setup.h"

namespace karyon {

inline Checkpoint tiny_checkpoint(std::uint64_t seed = 0) {
  TrainOptions options;
  options.width = 0.35;
  options.image_size = 32;
  options.decoder_filters = {16, 8, 8, 8};
  options.seed = seed;
  Context context(Device{}, 1);
  const TrainingModel model = make_training_model(context, options);
  Checkpoint checkpoint = make_checkpoint(model, 7, {{"val_accuracy", 0.5}});
  for (NamedArray& array : checkpoint.tensors) {
    if (!array.name.ends_with("conv_transpose/kernel")) continue;
    for (float& value : array.values) value *= 10;
  }
  return checkpoint;
}

/// A tensor of it, by name.
inline NamedArray& tensor_of(Checkpoint& checkpoint, const std::string& name) {
  for (NamedArray& array : checkpoint.tensors) {
    if (array.name == name) return array;
  }
  throw std::out_of_range(name);
}

/// The probability of nucleus is this everywhere, whatever the picture.
inline Checkpoint constant_checkpoint(double probability) {
  Checkpoint checkpoint = tiny_checkpoint();
  NamedArray& kernel = tensor_of(checkpoint, "head/kernel");
  kernel.values.assign(kernel.values.size(), 0.0F);
  tensor_of(checkpoint, "head/bias").values = {0.0F, static_cast<float>(std::log(probability / (1 - probability)))};
  return checkpoint;
}

}  // namespace karyon
