// Keras's weights in HDF5: each layout gives the same names; what names and order say against each other is refused.
#include "weights/keras_hdf5.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "engine/files.h"
#include "tests/expect_error.h"
#include "tests/hdf5_writer.h"
#include "tests/mutations.h"
#include "tests/parity_file.h"
#include "tests/seeds.h"
#include "weights/encoder_layout.h"

namespace karyon {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Texts = std::vector<std::string>;

const Texts kBatchNorm{"gamma", "beta", "moving_mean", "moving_variance"};

Texts names_in(const Archive& archive) {
  Texts names;
  for (const ArchiveEntry& entry : archive.entries()) names.push_back(entry.name);
  return names;
}

Texts names_in(const Bytes& bytes) { return names_in(*read_keras_hdf5(bytes, "f")); }

/// A file of the layout by names: a group for each layer, one kernel in it, and layer_names in the same order.
Bytes named_file(const Texts& layers) {
  Hdf5Writer writer;
  for (const std::string& layer : layers) writer.keras_layer("/" + layer, layer, {"kernel"}, TextForm::fixed);
  writer.texts("/", "layer_names", layers, TextForm::fixed);
  return writer.bytes();
}

struct Counted {
  std::string group;  // "conv2d_1"
  std::string name;   // "" for a file of an early version 3, which has none
};

/// A file of version 3's layout, one variable a layer.
Bytes counted_file(const std::vector<Counted>& layers) {
  Hdf5Writer writer;
  for (const Counted& layer : layers) {
    writer.floats("/layers/" + layer.group + "/vars/0", {1}, 1);
    if (!layer.name.empty()) writer.text("/layers/" + layer.group + "/vars", "name", layer.name);
  }
  return writer.bytes();
}

/// "bn3_conv_3_bn_expand" for "block_3_expand_BN", built here from the rule of the files that Keras first published.
std::string published_name(const EncoderConv& conv, bool is_batch_norm) {
  if (conv.role == ConvRole::stem) return is_batch_norm ? conv.batch_norm : conv.name;
  const std::string block = std::to_string(conv.block);
  const std::string part = conv.name.substr(conv.name.find_last_of('_') + 1);
  return is_batch_norm ? "bn" + block + "_conv_" + block + "_bn_" + part
                       : "mobl" + block + "_conv_" + block + "_" + part;
}

TEST(KerasHdf5, ReadsLayersByNameInBothTextForms) {
  for (const TextForm form : {TextForm::fixed, TextForm::variable}) {
    Hdf5Writer writer;
    writer.keras_layer("/bn_Conv1", "bn_Conv1", kBatchNorm, form);
    writer.keras_layer("/Conv1", "Conv1", {"kernel"}, form);
    writer.keras_layer("/expanded_conv_depthwise", "expanded_conv_depthwise", {"depthwise_kernel"}, form);
    writer.texts("/Conv1_relu", "weight_names", {}, form);
    writer.texts("/", "layer_names", {"Conv1", "bn_Conv1", "Conv1_relu", "expanded_conv_depthwise"}, form);
    const Bytes bytes = writer.bytes();
    const auto archive = read_keras_hdf5(bytes, "f");
    EXPECT_EQ(archive->container(), "hdf5");
    EXPECT_EQ(archive->metadata().at("layer_names"), "today");
    EXPECT_EQ(names_in(*archive), (Texts{"Conv1/kernel", "bn_Conv1/gamma", "bn_Conv1/beta", "bn_Conv1/moving_mean",
                                         "bn_Conv1/moving_variance", "expanded_conv_depthwise/depthwise_kernel"}));
    // The writer's values begin at 100 a variable, plus the letters of group and layer.
    EXPECT_EQ(archive->read_floats("bn_Conv1/beta"), (std::vector<float>{217, 217.5F}));
  }
}

TEST(KerasHdf5, ReadsAWholeSavedModel) {
  Hdf5Writer writer;
  writer.keras_layer("/model_weights/Conv1", "Conv1", {"kernel", "bias"}, TextForm::variable);
  writer.texts("/model_weights", "layer_names", {"Conv1"}, TextForm::variable);
  writer.texts("/model_weights/top_level_model_weights", "weight_names", {}, TextForm::variable);
  writer.text("/", "model_config", std::string(100'000, '{'));  // larger than what is read of an attribute
  writer.floats("/optimizer_weights/iteration", {}, 1);
  EXPECT_EQ(names_in(writer.bytes()), (Texts{"Conv1/kernel", "Conv1/bias"}));
}

TEST(KerasHdf5, ReadsListsInParts) {
  Hdf5Writer writer;
  writer.floats("/Conv1/Conv1/kernel:0", {1}, 1);
  writer.floats("/Conv1/Conv1/bias:0", {1}, 2);
  writer.texts("/Conv1", "weight_names0", {"Conv1/kernel:0"}, TextForm::fixed);
  writer.texts("/Conv1", "weight_names1", {"Conv1/bias:0"}, TextForm::fixed);
  writer.keras_layer("/bn_Conv1", "bn_Conv1", {"gamma"}, TextForm::fixed);
  writer.texts("/", "layer_names0", {"Conv1"}, TextForm::fixed);
  writer.texts("/", "layer_names1", {"bn_Conv1"}, TextForm::fixed);
  EXPECT_EQ(names_in(writer.bytes()), (Texts{"Conv1/kernel", "Conv1/bias", "bn_Conv1/gamma"}));
}

TEST(KerasHdf5, TheGroupNamesALayerWhateverItsVariablesAreCalled) {
  // TensorFlow makes an operation's name unique in its session, Keras the layer's in its model; some have no folder.
  Hdf5Writer writer;
  writer.keras_layer("/Conv1", "Conv1_2", {"kernel"}, TextForm::fixed);
  writer.floats("/bn_Conv1/gamma", {1}, 1);
  writer.texts("/bn_Conv1", "weight_names", {"gamma"}, TextForm::fixed);
  writer.texts("/", "layer_names", {"Conv1", "bn_Conv1"}, TextForm::fixed);
  EXPECT_EQ(names_in(writer.bytes()), (Texts{"Conv1/kernel", "bn_Conv1/gamma"}));
}

TEST(KerasHdf5, ReadsAModelWithinTheModel) {
  Hdf5Writer writer;
  writer.floats("/mobilenet/Conv1/kernel:0", {1}, 1);
  writer.floats("/mobilenet/mobl0_conv_0_project/kernel:0", {1}, 2);
  writer.texts("/mobilenet", "weight_names", {"Conv1/kernel:0", "mobl0_conv_0_project/kernel:0"}, TextForm::fixed);
  writer.keras_layer("/dense", "dense", {"kernel", "bias"}, TextForm::fixed);
  writer.texts("/", "layer_names", {"mobilenet", "dense"}, TextForm::fixed);
  EXPECT_EQ(names_in(writer.bytes()),
            (Texts{"Conv1/kernel", "expanded_conv_project/kernel", "dense/kernel", "dense/bias"}));
}

TEST(KerasHdf5, TranslatesEveryPublishedName) {
  Texts published;
  Texts expected;
  for (const EncoderConv& conv : mobilenet_v2_convs(1.0)) {
    published.push_back(published_name(conv, false));
    published.push_back(published_name(conv, true));
    expected.push_back(conv.name + "/kernel");
    expected.push_back(conv.batch_norm + "/kernel");
  }
  for (const std::string layer : {"Conv_1", "Conv_1_bn", "Logits"}) published.push_back(layer);
  for (const std::string layer : {"Conv_1", "Conv_1_bn", "predictions"}) expected.push_back(layer + "/kernel");
  EXPECT_EQ(published[2], "mobl0_conv_0_depthwise");
  EXPECT_EQ(published[9], "bn1_conv_1_bn_depthwise");
  const Bytes bytes = named_file(published);
  const auto archive = read_keras_hdf5(bytes, "f");
  EXPECT_EQ(archive->metadata().at("layer_names"), "published");
  EXPECT_EQ(names_in(*archive), expected);
}

TEST(KerasHdf5, UnknownLayersStay) {
  EXPECT_EQ(names_in(named_file({"Conv1", "mine", "bn_Conv1", "mobl3_conv_4_expand"})),
            (Texts{"Conv1/kernel", "mine/kernel", "bn_Conv1/kernel", "mobl3_conv_4_expand/kernel"}));
}

TEST(KerasHdf5, RefusesNamesOutOfTheNetworksOrder) {
  const Bytes bytes = named_file({"Conv1", "block_2_expand", "bn_Conv1", "mobl1_conv_1_expand", "Conv_1"});
  const std::string message = error_of(Exit::bad_data, [&] { read_keras_hdf5(bytes, "the-file"); });
  EXPECT_EQ(message,
            "the-file: layer_names is not in MobileNetV2's order; names or order are wrong:\n"
            "  layer 2 is \"block_2_expand\", expected \"bn_Conv1\"\n"
            "  layer 3 is \"bn_Conv1\", expected \"block_1_expand\"\n"
            "  layer 4 is \"block_1_expand\", expected \"block_2_expand\"");
}

TEST(KerasHdf5, RefusesListsThatDoNotFitTheFile) {
  Hdf5Writer no_group;
  no_group.texts("/", "layer_names", {"Conv1"}, TextForm::fixed);
  expect_error(Exit::bad_data, R"(f: layer_names has "Conv1", but there is no such group)",
               [&] { names_in(no_group.bytes()); });

  Hdf5Writer no_dataset;
  no_dataset.texts("/", "layer_names", {"Conv1"}, TextForm::fixed);
  no_dataset.texts("/Conv1", "weight_names", {"Conv1/kernel:0"}, TextForm::fixed);
  expect_error(Exit::bad_data, R"(f: data set "/Conv1/Conv1/kernel:0": there is none)",
               [&] { names_in(no_dataset.bytes()); });

  Hdf5Writer twice;
  twice.keras_layer("/Conv1", "Conv1", {"kernel"}, TextForm::fixed);
  twice.texts("/", "layer_names", {"Conv1", "Conv1"}, TextForm::fixed);
  expect_error(Exit::bad_data, R"(f: data set "/Conv1/Conv1/kernel:0" is named twice)",
               [&] { names_in(twice.bytes()); });

  // The same layer under its old and its present name.
  expect_error(Exit::bad_data, R"(f: tensor "block_1_expand/kernel" appears twice)", [&] {
    names_in(named_file({"block_1_expand", "mobl1_conv_1_expand"}));
  });

  Hdf5Writer integers;
  const std::int64_t value = 1;
  integers.dataset("/Conv1/kernel:0", {1}, H5T_STD_I64LE, H5P_DEFAULT, &value);
  integers.texts("/Conv1", "weight_names", {"kernel:0"}, TextForm::fixed);
  integers.texts("/", "layer_names", {"Conv1"}, TextForm::fixed);
  expect_error(Exit::bad_data, R"(data set "/Conv1/kernel:0" is of another type)", [&] { names_in(integers.bytes()); });
}

TEST(KerasHdf5, RefusesAnotherLayout) {
  Hdf5Writer writer;
  writer.floats("/a", {1}, 1);
  expect_error(Exit::bad_data, "f: HDF5, but not Keras's: neither an attribute 'layer_names' nor a group 'layers'",
               [&] { names_in(writer.bytes()); });
}

TEST(KerasHdf5, ReadsLayersByCounter) {
  Hdf5Writer writer;
  for (int i = 0; i < 4; ++i) {
    writer.floats("/layers/batch_normalization_10/vars/" + std::to_string(i), {1}, static_cast<float>(i));
  }
  // HDF5 lists conv2d_10 before conv2d_2.
  for (const std::string group : {"conv2d", "conv2d_1", "conv2d_2", "conv2d_10", "conv2d_34", "depthwise_conv2d_3"}) {
    writer.floats("/layers/" + group + "/vars/0", {1}, 1);
  }
  writer.floats("/layers/dense/vars/0", {1}, 1);
  writer.floats("/layers/dense/vars/1", {1}, 1);
  writer.group("/layers/re_lu/vars");
  writer.floats("/optimizer/vars/0", {1}, 1);
  const Bytes bytes = writer.bytes();
  const auto archive = read_keras_hdf5(bytes, "f", "keras");
  EXPECT_EQ(archive->container(), "keras");
  EXPECT_EQ(archive->metadata().at("layer_names"), "counted");
  // Convolutions but the depthwise ones: stem, block 0's project, then expand and project of each block. Batch norms:
  // stem, block 0's two, then three a block.
  EXPECT_EQ(names_in(*archive),
            (Texts{"Conv1/kernel", "expanded_conv_project/kernel", "block_1_expand/kernel",
                   "block_3_depthwise/depthwise_kernel", "block_3_depthwise_BN/gamma", "block_3_depthwise_BN/beta",
                   "block_3_depthwise_BN/moving_mean", "block_3_depthwise_BN/moving_variance", "block_5_expand/kernel",
                   "Conv_1/kernel", "predictions/kernel", "predictions/bias"}));
  EXPECT_EQ(archive->read_floats("block_3_depthwise_BN/moving_mean"), std::vector<float>{2});
}

TEST(KerasHdf5, CountersBeyondTheNetworkAndOtherClassesStay) {
  EXPECT_EQ(names_in(counted_file({{"conv2d_0", ""}, {"conv2d_35", ""}, {"conv2d_transpose", ""}, {"dense_1", ""}})),
            (Texts{"conv2d_0/0", "conv2d_35/kernel", "conv2d_transpose/0", "dense_1/kernel"}));
}

TEST(KerasHdf5, NamesNextToTheCountersAreCompared) {
  const Bytes good = counted_file(
      {{"conv2d", "Conv1"}, {"conv2d_1", "mobl0_conv_0_project"}, {"conv2d_34", "mine"}, {"dense", "classes"}});
  EXPECT_EQ(names_in(good), (Texts{"Conv1/kernel", "expanded_conv_project/kernel", "mine/kernel", "classes/kernel"}));
  EXPECT_EQ(read_keras_hdf5(good, "f")->metadata().at("layer_names"), "published");
  EXPECT_EQ(read_keras_hdf5(counted_file({{"conv2d", "Conv1"}}), "f")->metadata().at("layer_names"), "today");

  const Bytes bad = counted_file(
      {{"conv2d", "block_1_expand"}, {"conv2d_1", "mine"}, {"conv2d_2", "block_1_expand"}, {"conv2d_40", "bn_Conv1"}});
  const std::string message = error_of(Exit::bad_data, [&] { read_keras_hdf5(bad, "the-file"); });
  EXPECT_EQ(message,
            "the-file: the layers' names contradict their classes and counters:\n"
            "  group \"conv2d\" is named \"block_1_expand\", expected \"Conv1\"\n"
            "  group \"conv2d_1\" is named \"mine\", expected \"expanded_conv_project\"\n"
            "  group \"conv2d_40\" is named \"bn_Conv1\", expected a layer of another network");
}

TEST(KerasHdf5, ReadsCountedLayersOfAModelWithinTheModel) {
  EXPECT_EQ(names_in(counted_file({{"functional/layers/conv2d", ""}, {"functional/layers/conv2d_1", ""}})),
            (Texts{"Conv1/kernel", "expanded_conv_project/kernel"}));
}

TEST(KerasHdf5, BothLayoutsOfOneModelGiveTheSameTensors) {
  const std::filesystem::path folder = shared_folder() / "reference";
  const std::filesystem::path named = folder / "keras_mobilenet_v2_0.35_no_top.h5";
  const std::filesystem::path counted = folder / "keras_mobilenet_v2_0.35_no_top.weights.h5";
  if (!std::filesystem::exists(named)) GTEST_SKIP() << "no " << named;
  const auto first = read_keras_hdf5(read_file(named), named.string());
  const auto second = read_keras_hdf5(read_file(counted), counted.string());
  EXPECT_EQ(first->entries().size(), 260U);
  EXPECT_TRUE(same_tensors(*first, *second));
  EXPECT_EQ(names_in(*first), names_in(*second));
  for (const EncoderConv& conv : mobilenet_v2_convs(0.35)) {
    const char* kernel = conv.role == ConvRole::depthwise ? "/depthwise_kernel" : "/kernel";
    const ArchiveEntry* entry = first->find(conv.name + kernel);
    ASSERT_NE(entry, nullptr) << conv.name;
    EXPECT_TRUE(std::ranges::equal(entry->shape, conv.kernel_shape())) << conv.name;
  }
}

TEST(KerasHdf5, ReadsItsSeeds) {
  for (const Seed& seed : hdf5_seeds()) {
    EXPECT_EQ(unsafe_reading("the-file", [&] { return read_keras_hdf5(seed.bytes, "the-file"); }), "") << seed.name;
    EXPECT_FALSE(read_keras_hdf5(seed.bytes, "f")->entries().empty()) << seed.name;
  }
}

}  // namespace
}  // namespace karyon
