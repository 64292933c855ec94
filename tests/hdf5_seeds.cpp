#include "tests/hdf5_writer.h"
#include "tests/seeds.h"

namespace karyon {

namespace {

/// Keras up to version 2, with a layer under its older name and one without weights.
Seed named_seed() {
  Hdf5Writer writer;
  writer.keras_layer("/mobl0_conv_0_project", "mobl0_conv_0_project", {"kernel"}, TextForm::fixed);
  writer.floats("/Conv_1_bn/gamma", {2}, 2);
  writer.floats("/Conv_1_bn/beta", {2}, 3);
  writer.texts("/Conv_1_bn", "weight_names", {"gamma", "beta"}, TextForm::fixed);
  writer.texts("/relu", "weight_names", {}, TextForm::fixed);
  writer.texts("/", "layer_names", {"mobl0_conv_0_project", "relu", "Conv_1_bn"}, TextForm::fixed);
  return {"named.h5", writer.bytes(), {}};
}

/// A whole saved model, text of variable length, every filter that is read.
Seed chunked_seed() {
  Hdf5Writer writer;
  writer.floats("/model_weights/Conv1/kernel", {3}, 1, {.chunk = {2}, .shuffle = true, .deflate = true});
  writer.texts("/model_weights/Conv1", "weight_names", {"kernel"}, TextForm::variable);
  writer.texts("/model_weights", "layer_names", {"Conv1"}, TextForm::variable);
  return {"chunked.h5", writer.bytes(), {}};
}

/// Keras 3.
Seed counted_seed() {
  Hdf5Writer writer;
  writer.floats("/layers/conv2d/vars/0", {1, 2, 1, 2}, 1);
  for (int i = 0; i < 4; ++i) {
    writer.floats("/layers/batch_normalization/vars/" + std::to_string(i), {2}, static_cast<float>(i));
  }
  return {"counted.weights.h5", writer.bytes(), {}};
}

}  // namespace

std::vector<Seed> hdf5_seeds() { return {named_seed(), chunked_seed(), counted_seed()}; }

}  // namespace karyon
