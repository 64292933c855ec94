// ImageNet weights into canonical form: a synthetic TF-slim file of every width, then files that must be refused.
#include "weights/encoder_weights.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

#include <gtest/gtest.h>

#include "engine/files.h"
#include "tests/expect_error.h"
#include "tests/temp_dir.h"
#include "weights/encoder_layout.h"
#include "weights/safetensors.h"
#include "weights/sha256.h"

namespace karyon {
namespace {

/// Channels of a width, as published: the stem's, then those of the seven stages.
struct Width {
  double width;
  std::int64_t stem;
  std::array<std::int64_t, 7> stages;
};
constexpr std::array<Width, 6> kWidths{{{1.0, 32, {16, 24, 32, 64, 96, 160, 320}},
                                        {0.35, 16, {8, 8, 16, 24, 32, 56, 112}},
                                        {0.5, 16, {8, 16, 16, 32, 48, 80, 160}},
                                        {0.75, 24, {16, 24, 24, 48, 72, 120, 240}},
                                        {1.3, 40, {24, 32, 40, 80, 128, 208, 416}},
                                        {1.4, 48, {24, 32, 48, 88, 136, 224, 448}}}};
constexpr std::array<int, 17> kStageOfBlock{0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6};

/// A file with TF-slim's names and shapes; every value is its own index, times a factor that keeps it small.
class SlimFile {
 public:
  explicit SlimFile(const Width& width) {
    add_conv("MobilenetV2/Conv/", "weights", {width.stem, 3, 3, 3}, width.stem);
    std::int64_t channels = width.stem;
    for (std::size_t block = 0; block < kStageOfBlock.size(); ++block) {
      const std::string scope =
          "MobilenetV2/expanded_conv" + (block == 0 ? std::string() : "_" + std::to_string(block)) + "/";
      const std::int64_t expanded = block == 0 ? channels : 6 * channels;
      if (block != 0) add_conv(scope + "expand/", "weights", {expanded, 1, 1, channels}, expanded);
      add_conv(scope + "depthwise/", "depthwise_weights", {1, 3, 3, expanded}, expanded);
      channels = width.stages[static_cast<std::size_t>(kStageOfBlock[block])];
      add_conv(scope + "project/", "weights", {channels, 1, 1, expanded}, channels);
    }
    add_conv("MobilenetV2/Conv_1/", "weights", {8, 1, 1, channels}, 8);
    metadata = {{"batch_norm", "folded into weights and biases"},
                {"padding", "SAME (TensorFlow, asymmetric at stride 2)"},
                {"input", "RGB, x/127.5-1"}};
  }

  void add(const std::string& name, const std::vector<std::int64_t>& shape) {
    NamedArray array{name, shape, {}};
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    for (std::int64_t i = 0; i < count; ++i) array.values.push_back(static_cast<float>(i) * 0x1p-10F);
    arrays.push_back(std::move(array));
  }

  NamedArray& at(const std::string& name) {
    for (NamedArray& array : arrays) {
      if (array.name == name) return array;
    }
    throw std::out_of_range(name);
  }

  [[nodiscard]] std::vector<std::uint8_t> bytes() const {
    std::vector<SafetensorsTensor> tensors;
    for (const NamedArray& array : arrays) {
      tensors.push_back({array.name,
                         ArchiveType::f32,
                         array.shape,
                         {reinterpret_cast<const std::uint8_t*>(array.values.data()), array.values.size() * 4}});
    }
    return encode_safetensors(tensors, metadata);
  }

  [[nodiscard]] EncoderWeights read() const { return read_encoder_weights(SafetensorsFile(bytes(), "slim"), "slim"); }

  std::vector<NamedArray> arrays;
  std::map<std::string, std::string> metadata;

 private:
  void add_conv(const std::string& scope, const std::string& kernel, const std::vector<std::int64_t>& shape,
                std::int64_t outputs) {
    add(scope + kernel, shape);
    add(scope + "biases", {outputs});
  }
};

const NamedArray& tensor(const EncoderWeights& weights, std::string_view name) {
  for (const NamedArray& array : weights.tensors) {
    if (array.name == name) return array;
  }
  throw std::out_of_range(std::string(name));
}

using Shape = std::vector<std::int64_t>;

TEST(EncoderWeights, ReadsTheWidthOffTheShapes) {
  for (const Width& width : kWidths) {
    const EncoderWeights weights = SlimFile(width).read();
    EXPECT_EQ(weights.width, width.width);
    EXPECT_EQ(weights.tensors.size(), 51U * 5U);
    EXPECT_EQ(tensor(weights, "Conv1/kernel").shape, (Shape{3, 3, 3, width.stem}));
    EXPECT_EQ(tensor(weights, "block_16_project/kernel").shape, (Shape{1, 1, 6 * width.stages[5], width.stages[6]}));
  }
}

TEST(EncoderWeights, ScaledChannelsFollowThePublishedWidths) {
  constexpr std::array<std::int64_t, 7> base{16, 24, 32, 64, 96, 160, 320};
  for (const Width& width : kWidths) {
    EXPECT_EQ(scaled_channels(32, width.width), width.stem) << width.width;
    for (std::size_t i = 0; i < base.size(); ++i) {
      EXPECT_EQ(scaled_channels(base[i], width.width), width.stages[i]) << width.width << " " << base[i];
    }
  }
}

TEST(EncoderWeights, StatesTheFamilysFacts) {
  SlimFile file(kWidths[1]);
  const EncoderWeights weights = file.read();
  EXPECT_EQ(weights.container, "safetensors");
  EXPECT_EQ(weights.family, "tf-slim");
  EXPECT_EQ(weights.padding, "same");
  EXPECT_EQ(weights.activation, "relu6");
  EXPECT_EQ(weights.batch_norm, "folded");
  EXPECT_EQ(weights.batch_norm_epsilon, 1e-3);
  EXPECT_EQ(weights.normalisation_name, "x/127.5-1");
  for (int channel = 0; channel < 3; ++channel) {
    EXPECT_FLOAT_EQ(255 * weights.normalisation.scale[channel] + weights.normalisation.shift[channel], 1);
    EXPECT_FLOAT_EQ(weights.normalisation.shift[channel], -1);
  }
  EXPECT_EQ(weights.tensors_used, 102);
  EXPECT_EQ(weights.tensors_unused, 2);
  EXPECT_EQ(weights.classes, 0);
  file.add("MobilenetV2/Logits/Conv2d_1c_1x1/weights", {5, 1, 1, 8});
  EXPECT_EQ(file.read().tensors_unused, 3);
}

TEST(EncoderWeights, KernelsChangeTheirLayout) {
  SlimFile file(kWidths[1]);
  const EncoderWeights weights = file.read();
  // OHWI to HWIO.
  const NamedArray& stem = tensor(weights, "Conv1/kernel");
  const NamedArray& stem_file = file.at("MobilenetV2/Conv/weights");
  for (std::size_t h = 0; h < 3; ++h) {
    for (std::size_t w = 0; w < 3; ++w) {
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t o = 0; o < 16; ++o) {
          ASSERT_EQ(stem.values[((h * 3 + w) * 3 + i) * 16 + o], stem_file.values[((o * 3 + h) * 3 + w) * 3 + i]);
        }
      }
    }
  }
  const NamedArray& project = tensor(weights, "block_3_project/kernel");
  EXPECT_EQ(project.shape, (Shape{1, 1, 48, 16}));
  EXPECT_EQ(project.values[5 * 16 + 2], file.at("MobilenetV2/expanded_conv_3/project/weights").values[2 * 48 + 5]);
  // 1HWC to HWC1 is the same order of values.
  const NamedArray& depthwise = tensor(weights, "expanded_conv_depthwise/kernel");
  EXPECT_EQ(depthwise.shape, (Shape{3, 3, 16, 1}));
  EXPECT_EQ(depthwise.values, file.at("MobilenetV2/expanded_conv/depthwise/depthwise_weights").values);
}

TEST(EncoderWeights, FoldedBatchNormIsTheIdentityButForTheBias) {
  SlimFile file(kWidths[1]);
  const EncoderWeights weights = file.read();
  const std::string block = "block_16_project_BN/";
  EXPECT_EQ(tensor(weights, block + "beta").values, file.at("MobilenetV2/expanded_conv_16/project/biases").values);
  for (const char* name : {"bn_Conv1/", "expanded_conv_depthwise_BN/", "expanded_conv_project_BN/",
                           "block_1_expand_BN/", "block_10_depthwise_BN/", "block_16_project_BN/"}) {
    const std::vector<float>& gamma = tensor(weights, name + std::string("gamma")).values;
    const std::vector<float>& mean = tensor(weights, name + std::string("moving_mean")).values;
    const std::vector<float>& variance = tensor(weights, name + std::string("moving_variance")).values;
    ASSERT_EQ(gamma.size(), tensor(weights, name + std::string("beta")).values.size());
    for (std::size_t i = 0; i < gamma.size(); ++i) {
      EXPECT_FLOAT_EQ(gamma[i] / std::sqrt(variance[i] + 1e-3F), 1);
      EXPECT_EQ(mean[i], 0);
    }
  }
}

TEST(EncoderWeights, TensorsComeInTheNetworksOrder) {
  const EncoderWeights weights = SlimFile(kWidths[1]).read();
  const std::vector<std::string> expected{
      "Conv1/kernel",         "bn_Conv1/gamma",           "bn_Conv1/beta",
      "bn_Conv1/moving_mean", "bn_Conv1/moving_variance", "expanded_conv_depthwise/kernel"};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(weights.tensors[i].name, expected[i]);
  EXPECT_EQ(weights.tensors.back().name, "block_16_project_BN/moving_variance");
}

TEST(EncoderWeights, LoadsAFileWithItsDigest) {
  const TempDir dir;
  const auto bytes = SlimFile(kWidths[1]).bytes();
  write_file(dir / "w.safetensors", bytes);
  const EncoderWeights weights = load_encoder_weights(dir / "w.safetensors");
  EXPECT_EQ(weights.sha256, sha256_hex(bytes));
  EXPECT_EQ(weights.width, 0.35);
}

TEST(EncoderWeights, TheLast1x1IsNotNeeded) {
  SlimFile file(kWidths[1]);
  file.arrays.resize(file.arrays.size() - 2);
  EXPECT_EQ(file.read().tensors_unused, 0);
}

TEST(EncoderWeights, OneMessageListsAllDifferences) {
  SlimFile file(kWidths[1]);
  file.at("MobilenetV2/expanded_conv_2/expand/biases").name = "MobilenetV2/expanded_conv_2/expand/bias";
  file.at("MobilenetV2/expanded_conv_5/depthwise/depthwise_weights").shape = {3, 3, 96, 1};
  std::erase_if(file.arrays,
                [](const NamedArray& a) { return a.name == "MobilenetV2/expanded_conv_7/project/weights"; });
  const std::string message = error_of(Exit::bad_data, [&] { static_cast<void>(file.read()); });
  for (const char* part :
       {"width 0.35", "4 differences", "MobilenetV2/expanded_conv_2/expand/biases is missing, expected [48]",
        "\"MobilenetV2/expanded_conv_2/expand/bias\" is not expected",
        "MobilenetV2/expanded_conv_5/depthwise/depthwise_weights is [3, 3, 96, 1], expected [1, 3, 3, 96]",
        "MobilenetV2/expanded_conv_7/project/weights is missing, expected [24, 1, 1, 144]"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
}

TEST(EncoderWeights, AKernelInAnotherLayoutIsADifference) {
  SlimFile file(kWidths[0]);
  file.at("MobilenetV2/Conv/weights").shape = {3, 3, 3, 32};
  expect_error(Exit::bad_data, "MobilenetV2/Conv/weights is [3, 3, 3, 32], expected [32, 3, 3, 3]",
               [&] { static_cast<void>(file.read()); });
}

TEST(EncoderWeights, IntegersAreADifference) {
  const SlimFile file(kWidths[1]);
  std::vector<SafetensorsTensor> tensors;
  for (const NamedArray& array : file.arrays) {
    tensors.push_back({array.name,
                       tensors.size() == 1 ? ArchiveType::i32 : ArchiveType::f32,
                       array.shape,
                       {reinterpret_cast<const std::uint8_t*>(array.values.data()), array.values.size() * 4}});
  }
  const SafetensorsFile archive(encode_safetensors(tensors, {}), "f");
  expect_error(Exit::bad_data, "MobilenetV2/Conv/biases has dtype I32, expected floating point",
               [&] { static_cast<void>(read_encoder_weights(archive, "f")); });
}

TEST(EncoderWeights, ValuesThatAreNotWeightsAreRefused) {
  for (const float bad : {NAN, INFINITY, -INFINITY, 1.1e6F, -1.1e6F}) {
    SlimFile file(kWidths[1]);
    file.at("MobilenetV2/expanded_conv_4/project/biases").values[3] = bad;
    expect_error(Exit::bad_data, "'block_4_project_BN/beta' holds ", [&] { static_cast<void>(file.read()); });
    expect_error(Exit::bad_data, " at index 3", [&] { static_cast<void>(file.read()); });
  }
  SlimFile file(kWidths[1]);
  file.at("MobilenetV2/expanded_conv_4/project/biases").values[3] = -1e6F;
  EXPECT_NO_THROW(static_cast<void>(file.read()));
}

TEST(EncoderWeights, MetadataThatDisagreeAreBelieved) {
  const std::map<std::string, std::string> wrong{
      {"padding", "symmetric 1"}, {"activation", "relu"},       {"batch_norm", "separate, eps 1e-5"},
      {"conv_layout", "HWIO"},    {"depthwise_layout", "HWC1"}, {"input", "RGB, (x/255-mean)/std"}};
  for (const auto& [key, value] : wrong) {
    SlimFile file(kWidths[1]);
    file.metadata[key] = value;
    expect_error(Exit::bad_data, std::string(key).append(" is '").append(value).append("'"),
                 [&] { static_cast<void>(file.read()); });
  }
  SlimFile silent(kWidths[1]);
  silent.metadata.clear();
  EXPECT_NO_THROW(static_cast<void>(silent.read()));
}

TEST(EncoderWeights, OtherFamiliesAreNamedOrUnknown) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"mobilenetv20_features_conv0_weight", "another network: stride at block 10, plain ReLU"},
      {"encoder/Conv1/kernel", "a whole trained model of Karyon"},
      {"layer1.weight", "unknown family of MobileNetV2 weights (read here: keras, tf-slim"}};
  for (const auto& [name, words] : cases) {
    SlimFile file(kWidths[1]);
    file.arrays.clear();
    file.add(name, {2});
    expect_error(Exit::bad_data, words, [&] { static_cast<void>(file.read()); });
  }
  // Names of two families: the stranger's win, since the file cannot be told for certain.
  SlimFile both(kWidths[1]);
  both.add("mobilenetv20_features_conv0_weight", {2});
  expect_error(Exit::bad_data, "another network", [&] { static_cast<void>(both.read()); });
}

TEST(EncoderWeights, PathsThatAreNoWeights) {
  const TempDir dir;
  const auto expect_refused = [](Exit code, const std::string& part, const std::filesystem::path& path) {
    expect_error(code, part, [&] { static_cast<void>(load_encoder_weights(path)); });
  };
  expect_refused(Exit::no_input, "No such file", dir / "none");
  expect_refused(Exit::bad_data, "is a folder", dir.path());
  expect_refused(Exit::bad_data, "this tool does not download", "https://example.org/w.safetensors");
  const std::vector<std::pair<std::string, std::string>> magic{
      {std::string("\x89HDF\r\n\x1a\n"), "HDF5"},
      {std::string("PK\x03\x04"), "no zip that can be read"},
      {std::string("\x80\x02\x8a\n"), "neither of PyTorch's forms"},
      {std::string("GIF89a, not weights"), "no weight file that is known here"}};
  for (const auto& [bytes, words] : magic) {
    write_file(dir / "w", bytes);
    expect_refused(Exit::bad_data, words, dir / "w");
  }
}

/// The published files, where they are at hand.
struct PublishedWeights : ::testing::Test {
  void SetUp() override {
    const char* shared = std::getenv("KARYON_SHARED");
    const std::filesystem::path root =
        shared != nullptr ? shared : std::filesystem::path(KARYON_SOURCE) / ".." / "shared";
    folder = root / "data" / "imagenet";
    if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "no ImageNet weights at " << folder;
  }
  std::filesystem::path folder;
};

TEST_F(PublishedWeights, TfSlimLoads) {
  const EncoderWeights weights = load_encoder_weights(folder / "mobilenet_v2_1.0_224.tf-slim-folded.safetensors");
  EXPECT_EQ(weights.family, "tf-slim");
  EXPECT_EQ(weights.width, 1.0);
  EXPECT_EQ(weights.tensors_used, 102);
  EXPECT_EQ(weights.tensors_unused, 2);
  EXPECT_EQ(weights.sha256.size(), 64U);
  EXPECT_EQ(tensor(weights, "block_16_project/kernel").shape, (Shape{1, 1, 960, 320}));
}

TEST_F(PublishedWeights, GluonsNetworkIsRefusedByName) {
  expect_error(Exit::bad_data, "another network: stride at block 10, plain ReLU",
               [&] { static_cast<void>(load_encoder_weights(folder / "mobilenetv2_1.0.gluon.safetensors")); });
}

TEST_F(PublishedWeights, TorchvisionsFoldedFileIsItsCheckpointFolded) {
  const EncoderWeights whole = load_encoder_weights(folder / "mobilenet_v2-b0353104.pth");
  const EncoderWeights folded = load_encoder_weights(folder / "mobilenet_v2.torchvision-folded.safetensors");
  EXPECT_EQ(whole.classes, 1000);
  EXPECT_EQ(whole.padding, folded.padding);
  for (std::size_t i = 0; i < whole.tensors.size(); i += 5) {
    const std::vector<float>&kernel = whole.tensors[i].values, &gamma = whole.tensors[i + 1].values;
    const std::vector<float>& variance = whole.tensors[i + 4].values;
    const bool depthwise = whole.tensors[i].shape[3] == 1;
    for (std::size_t k = 0; k < kernel.size(); ++k) {
      const std::size_t channel = k % gamma.size();
      const float scaled = kernel[k] * gamma[channel] / std::sqrt(variance[channel] + 1e-5F);
      ASSERT_NEAR(folded.tensors[i].values[k], scaled, 1e-4)
          << whole.tensors[i].name << (depthwise ? " (depthwise)" : "");
    }
  }
}

}  // namespace
}  // namespace karyon
