#include "tests/hdf5_writer.h"
#include "tests/seeds.h"

namespace karyon {

namespace {

const std::vector<std::string> kBatchNorm{"gamma", "beta", "moving_mean", "moving_variance"};

/// Keras up to version 2: the stem, the older names, and a layer without weights.
Seed named_seed() {
  Hdf5Writer writer;
  writer.keras_layer("/Conv1", "Conv1", {"kernel"}, TextForm::fixed);
  writer.keras_layer("/bn_Conv1", "bn_Conv1", kBatchNorm, TextForm::fixed);
  writer.keras_layer("/mobl0_conv_0_depthwise", "mobl0_conv_0_depthwise", {"depthwise_kernel"}, TextForm::variable);
  writer.texts("/Conv1_relu", "weight_names", {}, TextForm::fixed);
  writer.texts("/", "layer_names", {"Conv1", "bn_Conv1", "Conv1_relu", "mobl0_conv_0_depthwise"}, TextForm::fixed);
  return {"named.h5", writer.bytes(), {}};
}

/// A whole saved model, text of variable length, every filter that is read.
Seed chunked_seed() {
  Hdf5Writer writer;
  writer.floats("/model_weights/Conv1/Conv1/kernel:0", {5, 3}, 1, {.chunk = {2, 2}, .shuffle = true, .deflate = true});
  writer.floats("/model_weights/Conv1/Conv1/bias:0", {3}, 7, {.chunk = {2}});
  writer.texts("/model_weights/Conv1", "weight_names", {"Conv1/kernel:0", "Conv1/bias:0"}, TextForm::variable);
  writer.texts("/model_weights", "layer_names", {"Conv1"}, TextForm::variable);
  return {"chunked.h5", writer.bytes(), {}};
}

/// Keras 3.
Seed counted_seed() {
  Hdf5Writer writer;
  writer.floats("/layers/conv2d/vars/0", {1, 2, 1, 2}, 1);
  writer.text("/layers/conv2d/vars", "name", "Conv1");
  for (int i = 0; i < 4; ++i) {
    writer.floats("/layers/batch_normalization/vars/" + std::to_string(i), {2}, static_cast<float>(i));
  }
  return {"counted.weights.h5", writer.bytes(), {}};
}

}  // namespace

std::vector<Seed> hdf5_seeds() { return {named_seed(), chunked_seed(), counted_seed()}; }

}  // namespace karyon
