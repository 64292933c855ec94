// Every family's files give the same network, with the facts of their publisher; what contradicts them is refused.
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "engine/files.h"
#include "tests/expect_error.h"
#include "tests/family_weights.h"
#include "tests/temp_dir.h"
#include "weights/encoder_weights.h"

namespace karyon {
namespace {

using Shape = std::vector<std::int64_t>;

struct Facts {
  std::string family, name, padding, normalisation;
  double epsilon, momentum;
};

const std::vector<Facts>& all_families() {
  static const std::vector<Facts> families{
      {"keras", "keras", "same", "x/127.5-1", 1e-3, 0.999},
      {"tf-slim", "tf-slim", "same", "x/127.5-1", 1e-3, 0.999},
      {"torchvision", "torchvision", "symmetric", "(x/255-[0.485,0.456,0.406])/[0.229,0.224,0.225]", 1e-5, 0.9},
      {"timm", "timm", "symmetric", "(x/255-[0.485,0.456,0.406])/[0.229,0.224,0.225]", 1e-5, 0.9},
      {"huggingface", "huggingface", "same", "x/127.5-1", 1e-3, 0.997},
      {"huggingface-bare", "huggingface", "same", "x/127.5-1", 1e-3, 0.997}};
  return families;
}

/// The archive with some of its tensors changed: edit(tensor) returns whether to keep it.
template <typename Edit>
LoadedArchive edited(const Archive& archive, Edit edit, const std::map<std::string, std::string>& metadata = {}) {
  std::vector<LoadedTensor> tensors;
  for (const ArchiveEntry& entry : archive.entries()) {
    LoadedTensor tensor{entry, archive.read(entry.name)};
    if (edit(tensor)) tensors.push_back(std::move(tensor));
  }
  return {"safetensors", "edited", std::move(tensors), metadata};
}

EncoderWeights read(const Archive& archive) { return read_encoder_weights(archive, "the-file"); }

void expect_equal(const std::vector<NamedArray>& read, const std::vector<NamedArray>& network, std::size_t from) {
  for (std::size_t i = 0; i < read.size(); ++i) {
    ASSERT_EQ(read[i].name, network[from + i].name);
    ASSERT_EQ(read[i].shape, network[from + i].shape) << read[i].name;
    ASSERT_EQ(read[i].values, network[from + i].values) << read[i].name;
  }
}

TEST(EncoderFamily, EveryFamilyGivesTheSameNetwork) {
  for (const double width : {0.35, 1.3}) {
    const std::vector<NamedArray> network = random_mobilenet_v2(width, 7, 3);
    for (const Facts& facts : all_families()) {
      SCOPED_TRACE(facts.family);
      const EncoderWeights weights = read(in_family(facts.family, network));
      EXPECT_EQ(weights.width, width);
      EXPECT_EQ(weights.classes, 7);
      EXPECT_EQ(weights.tensors_used, 255);
      ASSERT_EQ(weights.tensors.size(), 255U);
      ASSERT_EQ(weights.classifier_tensors.size(), 7U);
      expect_equal(weights.tensors, network, 0);
      expect_equal(weights.classifier_tensors, network, 255);
    }
  }
}

TEST(EncoderFamily, EachHasItsPublishersFacts) {
  const std::vector<NamedArray> network = random_mobilenet_v2(0.35, 7, 3);
  for (const Facts& facts : all_families()) {
    const EncoderWeights weights = read(in_family(facts.family, network));
    EXPECT_EQ(weights.family, facts.name);
    EXPECT_EQ(weights.padding, facts.padding);
    EXPECT_EQ(weights.activation, "relu6");
    EXPECT_EQ(weights.batch_norm, "separate");
    EXPECT_EQ(weights.normalisation_name, facts.normalisation);
    EXPECT_EQ(weights.batch_norm_epsilon, facts.epsilon);
    EXPECT_EQ(weights.batch_norm_momentum, facts.momentum);
    EXPECT_EQ(weights.tensors_unused, facts.padding == "same" && facts.name != "huggingface" ? 7 : 7 + 52);
  }
}

TEST(EncoderFamily, PyTorchsScalingIsByMeanAndDeviation) {
  const EncoderWeights weights = read(in_family("timm", random_mobilenet_v2(0.35, 2, 3)));
  const std::array<double, 3> mean{0.485, 0.456, 0.406}, deviation{0.229, 0.224, 0.225};
  for (std::size_t c = 0; c < 3; ++c) {
    const double scaled = 200.0 * static_cast<double>(weights.normalisation.scale[c]) +
                          static_cast<double>(weights.normalisation.shift[c]);
    EXPECT_NEAR(scaled, (200.0 / 255 - mean[c]) / deviation[c], 1e-6);
  }
}

TEST(EncoderFamily, TheClassifierIsNotNeeded) {
  const std::vector<NamedArray> network = random_mobilenet_v2(0.35, 7, 3);
  const auto without = [](const std::string& part) {
    return [part](const LoadedTensor& tensor) { return tensor.entry.name.find(part) == std::string::npos; };
  };
  const LoadedArchive whole = in_family("torchvision", network);
  EXPECT_EQ(read(edited(whole, without("classifier"))).classes, 0);
  EXPECT_EQ(read(edited(whole, without("classifier.1.bias"))).classes, 0);
  EXPECT_EQ(read(edited(whole, without("features.18.0"))).classes, 0);
  EXPECT_EQ(read(edited(whole, without("features.18"))).tensors_unused, 51 + 2);
  EXPECT_TRUE(read(edited(whole, without("classifier"))).classifier_tensors.empty());
}

TEST(EncoderFamily, AFoldedFileIsKnownByItsBiases) {
  const std::vector<NamedArray> network = random_mobilenet_v2(0.35, 7, 3);
  // What an exporter leaves when it folds: kernel and bias.
  const LoadedArchive folded = edited(in_family("timm", network), [](LoadedTensor& tensor) {
    std::string& name = tensor.entry.name;
    if (name.ends_with(".running_mean") || name.ends_with(".running_var") || name.ends_with("_tracked")) return false;
    const std::size_t norm = name.rfind("bn");
    if (norm == std::string::npos) return true;
    if (name.ends_with(".weight")) return false;
    const bool first_block = name.starts_with("blocks.0.");
    if (name == "bn1.bias")
      name = "conv_stem.bias";
    else if (name == "bn2.bias")
      name = "conv_head.bias";
    else if (name[norm + 2] == '1')
      name.replace(norm, 3, first_block ? "conv_dw" : "conv_pw");
    else if (name[norm + 2] == '2')
      name.replace(norm, 3, first_block ? "conv_pw" : "conv_dw");
    else
      name.replace(norm, 3, "conv_pwl");
    return true;
  });
  const EncoderWeights weights = read(folded);
  EXPECT_EQ(weights.batch_norm, "folded");
  EXPECT_EQ(weights.family, "timm");
  EXPECT_EQ(weights.tensors_used, 102);
  EXPECT_EQ(weights.classes, 7);
  for (std::size_t i = 0; i < weights.tensors.size(); i += 5) {
    EXPECT_EQ(weights.tensors[i].values, network[i].values);
    EXPECT_EQ(weights.tensors[i + 2].values, network[i + 2].values) << "beta is the bias";
    EXPECT_FLOAT_EQ(weights.tensors[i + 1].values[0], std::sqrt(1 + 1e-5F));
    EXPECT_EQ(weights.tensors[i + 3].values[0], 0);
    EXPECT_EQ(weights.tensors[i + 4].values[0], 1);
  }
}

TEST(EncoderFamily, OneListOfWhatIsMissingExtraRenamedAndTransposed) {
  const LoadedArchive file = edited(in_family("huggingface", random_mobilenet_v2(0.5, 7, 3)), [](LoadedTensor& tensor) {
    std::string& name = tensor.entry.name;
    if (name == "mobilenet_v2.layer.3.expand_1x1.normalization.running_var") return false;
    if (name == "mobilenet_v2.layer.4.conv_3x3.convolution.weight")
      std::swap(tensor.entry.shape[0], tensor.entry.shape[1]);
    if (name == "mobilenet_v2.layer.5.reduce_1x1.normalization.bias") name += "es";
    return true;
  });
  const std::string message = error_of(Exit::bad_data, [&] { static_cast<void>(read(file)); });
  for (const char* part : {"the-file does not fit MobileNetV2 of width 0.5 (huggingface), 4 differences",
                           "mobilenet_v2.layer.3.expand_1x1.normalization.running_var is missing, expected [96]",
                           "mobilenet_v2.layer.4.conv_3x3.convolution.weight is [1, 96, 3, 3], expected [96, 1, 3, 3]",
                           "mobilenet_v2.layer.5.reduce_1x1.normalization.bias is missing, expected [32]",
                           "\"mobilenet_v2.layer.5.reduce_1x1.normalization.biases\" is not expected"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
}

TEST(EncoderFamily, MetadataAreBelieved) {
  const LoadedArchive file = in_family("torchvision", random_mobilenet_v2(0.35, 7, 3));
  const auto all = [](const LoadedTensor&) { return true; };
  const auto refused = [&](const char* key, const char* value) {
    expect_error(Exit::bad_data, std::string(key) + " is '" + value + "'", [&] {
      static_cast<void>(read(edited(file, all, {{key, value}})));
    });
  };
  refused("padding", "SAME");
  refused("activation", "relu");
  refused("conv_layout", "HWIO");
  refused("input", "RGB, x/127.5-1");
  refused("batch_norm", "folded");
  refused("batch_norm", "separate, eps 0");
  refused("batch_norm", "separate, eps nan");
  EXPECT_EQ(read(edited(file, all, {{"batch_norm", "separate, eps 0.002"}})).batch_norm_epsilon, 0.002);
  EXPECT_NO_THROW(static_cast<void>(read(edited(file, all, {{"padding", "symmetric 1"}, {"format", "pt"}}))));
}

TEST(EncoderFamily, ANegativeVarianceIsRefused) {
  const LoadedArchive file = edited(in_family("keras", random_mobilenet_v2(0.35, 7, 3)), [](LoadedTensor& tensor) {
    const float value = -0.5F;
    if (tensor.entry.name == "block_3_expand_BN/moving_variance")
      std::memcpy(tensor.bytes.data(), &value, sizeof value);
    return true;
  });
  expect_error(Exit::bad_data, "'block_3_expand_BN/moving_variance' holds a negative variance",
               [&] { static_cast<void>(read(file)); });
}

TEST(EncoderFamily, OtherNetworksAreNamed) {
  const auto refused = [](const std::string& name, const std::string& words) {
    const LoadedArchive file("safetensors", "f", {{{name, ArchiveType::f32, {1}}, {0, 0, 0, 0}}}, {});
    expect_error(Exit::bad_data, words, [&] { static_cast<void>(read(file)); });
  };
  refused("mobilenetv20_features_conv0_weight", "another network: stride at block 10, plain ReLU");
  refused("encoder/Conv1/kernel", "a whole trained model of Karyon");
  refused("layer1.weight",
          "unknown family of MobileNetV2 weights (read here: keras, tf-slim, torchvision, timm, hugging");
}

class HuggingFaceConfig : public ::testing::Test {
 protected:
  EncoderWeights load(const std::string& config) {
    write_file(folder_ / "config.json", config);
    return load_encoder_weights(folder_ / "model.safetensors");
  }
  void expect_refused(const std::string& config, const std::string& words) {
    expect_error(Exit::bad_data, words, [&] { static_cast<void>(load(config)); });
  }
  void SetUp() override {
    write_file(folder_ / "model.safetensors",
               as_safetensors(in_family("huggingface", random_mobilenet_v2(0.35, 2, 3))));
  }
  TempDir folder_;
};

TEST_F(HuggingFaceConfig, SetsPaddingAndEpsilon) {
  const EncoderWeights weights = load(R"({"model_type":"mobilenet_v2","tf_padding":false,"layer_norm_eps":1e-5})");
  EXPECT_EQ(weights.padding, "symmetric");
  EXPECT_EQ(weights.batch_norm_epsilon, 1e-5);
  EXPECT_EQ(load(R"({"model_type":"mobilenet_v2"})").padding, "same");
  EXPECT_EQ(load(R"({"model_type":"resnet","layer_norm_eps":0.1})").batch_norm_epsilon, 1e-3);
}

TEST_F(HuggingFaceConfig, OfAnotherNetworkIsRefused) {
  expect_refused("[]", "config.json: not a JSON object");
  expect_refused("{", "config.json: not a JSON object");
  expect_refused(R"({"hidden_act":"relu"})", "hidden_act is not relu6");
  expect_refused(R"({"output_stride":16})", "output_stride is not 32");
  expect_refused(R"({"expand_ratio":3})", "expand_ratio is not 6");
  expect_refused(R"({"first_layer_is_expansion":false})", "first_layer_is_expansion is false");
  expect_refused(R"({"layer_norm_eps":2})", "layer_norm_eps is not between 0 and 1");
  expect_refused(R"({"tf_padding":"yes"})", "'tf_padding' has the wrong type");
}

}  // namespace
}  // namespace karyon
