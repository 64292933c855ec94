#include "apps/training/setup.h"

#include <algorithm>
#include <cmath>

#include "apps/models/model_file.h"
#include "apps/models/parameters.h"
#include "kernels/check.h"

namespace karyon {

namespace {

// Where the moving statistics begin from nothing (the decoder's, random weights, or batch norm that was folded away),
// Keras's momenta, 0.99 and 0.999, need hundreds or thousands of steps to forget it, and validation lags behind by
// then.
constexpr double kMomentumFromNothing = 0.9;

void describe_from_file(Checkpoint& description, const EncoderWeights& weights, const TrainOptions& options) {
  if (options.width_given && std::abs(options.width - weights.width) > 1e-6) {
    throw Error(Exit::usage, "--width " + std::to_string(options.width) + " contradicts " + options.encoder_weights +
                                 ", whose width is " + std::to_string(weights.width));
  }
  description.width = weights.width;
  description.decoder_batch_norm.momentum = kMomentumFromNothing;
  description.encoder_family = weights.family;
  description.padding = weights.padding;
  description.activation = weights.activation;
  description.normalisation = weights.normalisation;
  description.normalisation_name = weights.normalisation_name;
  const bool from_nothing = weights.batch_norm == "folded" && !options.freeze_encoder;
  description.encoder_batch_norm = {weights.batch_norm_epsilon,
                                    from_nothing ? kMomentumFromNothing : weights.batch_norm_momentum};
}

void describe_without_file(Checkpoint& description, const TrainOptions& options) {
  description.width = options.width;
  description.encoder_family = "random";
  description.padding = "same";
  description.activation = "relu6";
  description.normalisation_name = "x/127.5-1";
  description.encoder_batch_norm.momentum = description.decoder_batch_norm.momentum = kMomentumFromNothing;
}

}  // namespace

TrainingModel make_training_model(Context& context, const TrainOptions& options) {
  TrainingModel model;
  Checkpoint& d = model.description;
  if (options.encoder_weights.empty()) {
    describe_without_file(d, options);
  } else {
    model.encoder = load_encoder_weights(options.encoder_weights);
    describe_from_file(d, model.encoder, options);
  }
  if (options.input_scale == "tutorial") {
    d.normalisation_name = "x/255";
    std::fill_n(d.normalisation.scale, 3, 1.0F / 255.0F);
    std::fill_n(d.normalisation.shift, 3, 0.0F);
  }
  d.decoder_filters = options.decoder_filters;
  d.image_height = d.image_width = options.image_size;
  d.scale = options.crop > 0 ? "native" : "resized";
  d.classes = options.classes;

  model.unet = std::make_unique<UNet>(context, unet_options(d, options.encoder_weights));
  model.unet->initialize(options.seed);
  if (!options.encoder_weights.empty()) {
    assign_encoder(model.unet->encoder(), model.encoder, options.encoder_weights);
    model.encoder.tensors.clear();
    model.encoder.classifier_tensors.clear();
  }
  model.unet->encoder().set_frozen(options.freeze_encoder);
  return model;
}

Checkpoint make_checkpoint(const TrainingModel& model, int epoch, const std::map<std::string, double>& scores) {
  Checkpoint checkpoint = model.description;
  checkpoint.epoch = epoch;
  checkpoint.scores = scores;
  checkpoint.tensors = to_arrays(*model.unet);
  return checkpoint;
}

}  // namespace karyon
