// The network that a training run starts from.
// Invariant: with ImageNet weights, width, padding, epsilon and input scaling are the file's; without, the options'.
#pragma once

#include <memory>
#include <string>

#include "apps/training/options.h"
#include "model/unet.h"
#include "weights/checkpoint.h"
#include "weights/encoder_weights.h"

namespace karyon {

struct TrainingModel {
  std::unique_ptr<UNet> unet;
  /// All that a checkpoint says beside epoch, scores and tensors.
  Checkpoint description;
  /// Of the --encoder-weights file; its tensors are dropped once loaded. family is empty where there was no file.
  EncoderWeights encoder;
};

/// Errors of load_encoder_weights; usage when --width contradicts the file.
TrainingModel make_training_model(Context& context, const TrainOptions& options);

/// The checkpoint of the network as it is now.
Checkpoint make_checkpoint(const TrainingModel& model, int epoch, const std::map<std::string, double>& scores);

}  // namespace karyon
