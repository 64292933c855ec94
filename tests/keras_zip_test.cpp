// Keras 3's zip: what config.json says decides whether the weights may be used.
#include "weights/keras_zip.h"

#include <gtest/gtest.h>

#include "tests/data_fixtures.h"
#include "tests/expect_error.h"
#include "tests/hdf5_writer.h"
#include "tests/mutations.h"
#include "tests/seeds.h"

namespace karyon {
namespace {

std::string layer(const std::string& class_name, const std::string& name, const std::string& setting) {
  return R"({"class_name":")" + class_name + R"(","config":{"name":")" + name + "\"," + setting + "}}";
}

std::string model_of(const std::string& layers) {
  return R"({"module":"keras","class_name":"Functional","config":{"name":"m","layers":[)" + layers + "]}}";
}

Bytes weights_bytes() {
  Hdf5Writer writer;
  writer.floats("/layers/conv2d/vars/0", {1}, 1);
  writer.floats("/layers/conv2d_1/vars/0", {1}, 1);
  return writer.bytes();
}

Bytes zip_of(const std::vector<ZipEntry>& entries) {
  const TempDir dir;
  return read_file(make_zip(dir / "a.keras", entries));
}

Bytes keras_bytes(const std::string& config) {
  return zip_of(
      {{"metadata.json", to_bytes("{}")}, {"config.json", to_bytes(config)}, {"model.weights.h5", weights_bytes()}});
}

void expect_refused(const Bytes& bytes, const std::string& message) {
  const std::string text = error_of(Exit::bad_data, [&] { read_keras_zip(bytes, "the-file"); });
  EXPECT_EQ(text.rfind("the-file", 0), 0U) << text;
  EXPECT_NE(text.find(message), std::string::npos) << "expected '" << message << "' in: " << text;
}

TEST(KerasZip, ReadsTheWeightsOfAModelThatFits) {
  const Bytes bytes = keras_bytes(model_of(
      layer("BatchNormalization", "bn_Conv1", R"("epsilon":0.001)") + "," + layer("ReLU", "r", R"("max_value":6.0)") +
      "," + layer("ReLU", "s", R"("max_value":6)") + "," + layer("Conv2D", "c", R"("epsilon":1)")));
  const auto archive = read_keras_zip(bytes, "f");
  EXPECT_EQ(archive->container(), "keras");
  ASSERT_EQ(archive->entries().size(), 2U);
  EXPECT_EQ(archive->entries()[0].name, "Conv1/kernel");
  EXPECT_EQ(archive->entries()[1].name, "expanded_conv_project/kernel");
}

TEST(KerasZip, EveryLayerThatDoesNotFitIsListed) {
  const std::string inner = layer("BatchNormalization", "inner", R"("epsilon":1e-5)");
  const Bytes bytes = keras_bytes(model_of(layer("BatchNormalization", "bn_Conv1", R"("epsilon":0.0011)") + "," +
                                           model_of(inner) + "," + layer("ReLU", "plain", R"("max_value":null)") + "," +
                                           layer("ReLU", "odd", R"("negative_slope":0)")));
  const std::string message = error_of(Exit::bad_data, [&] { read_keras_zip(bytes, "the-file"); });
  EXPECT_EQ(message,
            "the-file: config.json is not of Keras's MobileNetV2:\n"
            "  BatchNormalization \"bn_Conv1\" has epsilon 0.0011, expected 0.001\n"
            "  BatchNormalization \"inner\" has epsilon 1e-05, expected 0.001\n"
            "  ReLU \"plain\" has max_value null, expected 6.0\n"
            "  ReLU \"odd\" has max_value unset, expected 6.0");
}

TEST(KerasZip, RefusesAnotherZip) {
  expect_refused(to_bytes("no zip"), "no zip");
  expect_refused(zip_of({{"model.weights.h5", weights_bytes()}}), "a zip without config.json, so no file of Keras");
  expect_refused(zip_of({{"config.json", to_bytes("{}")}}), "a zip without model.weights.h5, so no file of Keras");
  expect_refused(zip_of({{"config.json", to_bytes("{}")}, {"model.weights.h5", to_bytes("text")}}),
                 "the-file: model.weights.h5: not HDF5");
}

TEST(KerasZip, RefusesAConfigThatIsBroken) {
  expect_refused(keras_bytes("{"), "config.json is not valid JSON");
  expect_refused(keras_bytes("[1e999]"), "config.json is not valid JSON");
  expect_refused(keras_bytes(std::string(101, '[')), "config.json is nested more than 100 deep");
  // A number every half kilobyte, or the zip would be refused for shrinking too well.
  std::string large = "{}";
  for (std::uint64_t i = 0; large.size() <= 16 << 20; ++i)
    large += std::to_string(i * 2654435761) + std::string(500, ' ');
  expect_refused(keras_bytes(large), "bytes, expected at most 16 MB");
  EXPECT_FALSE(read_keras_zip(keras_bytes(std::string(100, '[') + std::string(100, ']')), "f")->entries().empty());
}

TEST(KerasZipMutation, SpoiledFilesAreRefusedOrWhole) {
  for (const Seed& seed : keras_zip_seeds()) {
    EXPECT_FALSE(read_keras_zip(seed.bytes, "f")->entries().empty()) << seed.name;
    for_each_mutation(seed.bytes, seed.tensor_data, [&](const Bytes& bytes, const std::string& description) {
      EXPECT_EQ(unsafe_reading("the-file", [&] { return read_keras_zip(bytes, "the-file"); }), "")
          << seed.name << ", " << description;
    });
  }
}

}  // namespace
}  // namespace karyon
