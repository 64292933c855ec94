// encoder_parity on taps that Karyon writes itself, whole and spoiled, and on Keras's own of the ImageNet encoder.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "apps/models/model_file.h"
#include "tests/child.h"
#include "tests/encoder_taps.h"
#include "tests/family_weights.h"
#include "tests/parity_file.h"
#include "tests/slim_weights.h"

namespace karyon {
namespace {

Finished encoder_parity(const std::vector<std::string>& arguments) {
  return run_child("encoder_parity", arguments, std::filesystem::temp_directory_path());
}

class EncoderParity : public ::testing::Test {
 protected:
  void SetUp() override {
    write_file(weights_, slim_weights(0.35, 5));
    const EncoderWeights weights = load_encoder_weights(weights_);
    std::vector<std::uint8_t> images(std::size_t{2} * 33 * 45 * 3);
    RandomStream random(9, Purpose::bench);
    for (std::uint8_t& v : images) v = static_cast<std::uint8_t>(random.below(256));
    Context context({}, 1);
    for (const auto& [name, tap] : encoder_taps(context, weights, weights_, images, 2, 33, 45)) {
      whole_.add(name, {tap.shape().begin(), tap.shape().end()}, tap.to_vector());
    }
    whole_.tensors["images_uint8_nhwc"] = {ArchiveType::u8, {2, 33, 45, 3}, images};
  }
  Finished run(const ParityFile& file) {
    file.write(taps_);
    return encoder_parity({weights_, taps_});
  }
  void expect_bad(const ParityFile& file, const std::string& part) {
    expect_failure(run(file), "encoder_parity", 65, {"taps.safetensors", part});
  }
  TempDir folder_;
  std::filesystem::path weights_ = folder_ / "weights.safetensors", taps_ = folder_ / "taps.safetensors";
  ParityFile whole_;
};

TEST_F(EncoderParity, AgreesWithItself) {
  const Finished finished = run(whole_);
  EXPECT_EQ(finished.status, 0) << finished.out << finished.err;
  EXPECT_NE(finished.out.find("6 tensors compared"), std::string::npos) << finished.out;
}

TEST_F(EncoderParity, ATapMayBeLeftOut) {
  whole_.tensors.erase("block_16_project");
  const Finished finished = run(whole_);
  EXPECT_EQ(finished.status, 0) << finished.out << finished.err;
  EXPECT_NE(finished.out.find("5 tensors compared"), std::string::npos) << finished.out;
}

TEST_F(EncoderParity, SeesOneValueMoved) {
  for (const auto& [name, tensor] : whole_.tensors) {
    if (tensor.type != ArchiveType::f32) continue;
    ParityFile file = whole_;
    file.move(name, 17);
    const Finished finished = run(file);
    EXPECT_EQ(finished.status, 1) << name << finished.out << finished.err;
    file.add(name, tensor.shape, std::vector<float>(tensor.bytes.size() / sizeof(float), NAN));
    EXPECT_EQ(run(file).status, 1) << name;
  }
}

TEST_F(EncoderParity, RefusesWhatItCannotCompare) {
  ParityFile file = whole_;
  file.add("block_2_expand_relu", {1}, {0});
  expect_bad(file, "block_2_expand_relu");
  file = whole_;
  file.tensors.at("block_16_project").shape = {2, 2, 2, 1, 112};
  expect_bad(file, "block_16_project is [2, 2, 2, 1, 112]");
  file = whole_;
  file.tensors.erase("images_uint8_nhwc");
  expect_bad(file, "images_uint8_nhwc");
  file = whole_;
  file.tensors["images_uint8_nhwc"] = {ArchiveType::u8, {0, 33, 45, 3}, {}};
  expect_bad(file, "images_uint8_nhwc");
  file = {};
  file.tensors["images_uint8_nhwc"] = whole_.tensors.at("images_uint8_nhwc");
  expect_bad(file, "no taps");
}

TEST_F(EncoderParity, RefusesUnreadableFiles) {
  whole_.write(taps_);
  expect_failure(encoder_parity({taps_, taps_}), "encoder_parity", 65, {"taps.safetensors"});
  expect_failure(encoder_parity({folder_ / "none", taps_}), "encoder_parity", 66, {"none"});
  expect_failure(encoder_parity({weights_, folder_ / "none"}), "encoder_parity", 66, {"none"});
  std::filesystem::resize_file(taps_, std::filesystem::file_size(taps_) / 2);
  expect_failure(encoder_parity({weights_, taps_}), "encoder_parity", 65, {"taps.safetensors"});
  EXPECT_EQ(encoder_parity({weights_}).status, 2);
}

TEST_F(EncoderParity, RefusesADeviceThatIsNotThere) {
  whole_.write(taps_);
  EXPECT_EQ(encoder_parity({"--device", "cpu", weights_, taps_}).status, 0);
  expect_failure(encoder_parity({"--device", "cuda:99", weights_, taps_}), "encoder_parity", 69, {"cuda:99"});
  expect_failure(encoder_parity({"--device", "gpu", weights_, taps_}), "encoder_parity", 2, {"gpu"});
  expect_failure(encoder_parity({weights_, taps_, "--device"}), "encoder_parity", 2, {"--device"});
}

/// The bytes of a .npy file.
std::string npy(const std::string& shape, const std::vector<float>& values, const std::string& type = "<f4") {
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.resize((10 + header.size() + 64) / 64 * 64 - 10, ' ');
  const auto length = static_cast<std::uint16_t>(header.size());
  std::string file = "\x93NUMPY\x01";
  file += '\0';
  file.append(reinterpret_cast<const char*>(&length), sizeof length).append(header);
  return file.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

class ClassifierParity : public ::testing::Test {
 protected:
  static constexpr int kClasses = 9, kSide = 32;

  void SetUp() override {
    write_file(weights_, as_safetensors(in_family("torchvision", random_mobilenet_v2(0.35, kClasses, 7))));
    RandomStream random(9, Purpose::bench);
    for (float& v : image_) v = random.normal();
    Context context({}, 1);
    const auto network = make_classifier(context, load_encoder_weights(weights_), "weights");
    logits_ = network->infer_logits(context, Tensor::from(context, {1, kSide, kSide, 3}, image_)).to_vector();
  }
  Finished run(const std::string& input, const std::string& logits) {
    write_file(folder_ / "input.npy", input);
    write_file(folder_ / "logits.npy", logits);
    return encoder_parity({weights_, folder_ / "input.npy", folder_ / "logits.npy"});
  }
  void expect_bad(const std::string& input, const std::string& logits, const std::string& part) {
    expect_failure(run(input, logits), "encoder_parity", 65, {part});
  }

  TempDir folder_;
  std::filesystem::path weights_ = folder_ / "weights.safetensors";
  std::vector<float> image_ = std::vector<float>(std::size_t{kSide} * kSide * 3), logits_;
  std::string input_shape_ = "1, 32, 32, 3", logits_shape_ = "1, 9";
};

TEST_F(ClassifierParity, AgreesWithItselfInBothLayouts) {
  Finished finished = run(npy(input_shape_, image_), npy(logits_shape_, logits_));
  EXPECT_EQ(finished.status, 0) << finished.out << finished.err;
  std::vector<float> planes(image_.size());
  for (std::size_t i = 0; i < planes.size(); ++i) planes[i % 3 * kSide * kSide + i / 3] = image_[i];
  finished = run(npy("1, 3, 32, 32", planes), npy(logits_shape_, logits_));
  EXPECT_EQ(finished.status, 0) << finished.out << finished.err;
  EXPECT_NE(finished.out.find("the 5 highest:"), std::string::npos) << finished.out;
}

TEST_F(ClassifierParity, SeesOneLogitMoved) {
  const auto [low, high] = std::minmax_element(logits_.begin(), logits_.end());
  logits_[3] += 2e-4F * (*high - *low);
  EXPECT_EQ(run(npy(input_shape_, image_), npy(logits_shape_, logits_)).status, 1);
}

TEST_F(ClassifierParity, RefusesWhatItCannotCompare) {
  const std::string good = npy(input_shape_, image_), logits = npy(logits_shape_, logits_);
  expect_bad(npy("1, 32, 96", image_), logits, "input.npy is [1, 32, 96]");
  expect_bad(npy("3, 32, 16, 2", image_), logits, "input.npy is [3, 32, 16, 2]");
  expect_bad(npy("1, 32, 32, 4", image_), logits, "does not fit");
  expect_bad(npy(input_shape_, image_, "<f8"), logits, "expected a .npy file of float32");
  expect_bad(good.substr(0, 40), logits, "input.npy: the header is cut short");
  expect_bad("", logits, "no NumPy file");
  expect_bad(good, npy("9, 1", logits_), "logits.npy is [9, 1], expected [1, 9]");
  write_file(weights_, slim_weights(0.35, 5));
  expect_bad(good, logits, "there is no classifier in this file");
}

TEST(EncoderParityShared, TheClassifierAgreesWithTorchvision) {
  const std::filesystem::path shared = shared_folder(), weights = shared / "data/imagenet/mobilenet_v2-b0353104.pth";
  if (!std::filesystem::exists(weights)) GTEST_SKIP() << weights << " is absent";
  for (const char* pair : {"0", "1"}) {
    const std::filesystem::path folder = shared / "reference/torchvision_logits";
    const Finished finished = encoder_parity(
        {weights, folder / (std::string("input_") + pair + ".npy"), folder / (std::string("output_") + pair + ".npy")});
    EXPECT_EQ(finished.status, 0) << finished.out << finished.err;
    EXPECT_NE(finished.out.find(": the same"), std::string::npos) << finished.out;
  }
}

TEST(EncoderParityShared, AgreesWithEveryWriter) {
  const std::filesystem::path folder = shared_folder() / "reference";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
  struct Pair {
    const char *weights, *taps;
    int compared;
  };
  for (const auto& [weights, taps, compared] :
       {Pair{"keras_mobilenet_v2_0.35_no_top.h5", "keras_mobilenet_v2_0.35_taps", 6},
        Pair{"keras_mobilenet_v2_0.35_no_top.weights.h5", "keras_mobilenet_v2_0.35_taps", 6},
        Pair{"torchvision_mobilenet_v2_0.35.pth", "torchvision_taps", 6},
        Pair{"torchvision_mobilenet_v2_0.35.onnx", "torchvision_taps", 5},
        Pair{"timm_mobilenetv2_035.safetensors", "timm_taps", 6},
        Pair{"hf_mobilenet_v2_0.35/model.safetensors", "hf_taps", 6}}) {
    const Finished finished = encoder_parity({folder / weights, folder / (std::string(taps) + ".safetensors")});
    EXPECT_EQ(finished.status, 0) << weights << "\n" << finished.out << finished.err;
    EXPECT_NE(finished.out.find(std::to_string(compared) + " tensors compared"), std::string::npos) << finished.out;
  }
}

TEST(EncoderParityShared, AgreesWithKeras) {
  const std::filesystem::path shared = shared_folder();
  const std::filesystem::path weights = shared / "data/imagenet/mobilenet_v2_1.0_224.tf-slim-folded.safetensors";
  if (!std::filesystem::exists(weights)) GTEST_SKIP() << weights << " is absent";
  for (const char* size : {"128x128", "96x160"}) {
    const std::filesystem::path taps =
        shared / "reference" / (std::string("imagenet_tf_slim_taps_") + size + ".safetensors");
    if (!std::filesystem::exists(taps)) GTEST_SKIP() << taps << " is absent";
    const Finished finished = encoder_parity({weights, taps});
    EXPECT_EQ(finished.status, 0) << finished.out << finished.err;
    EXPECT_NE(finished.out.find("6 tensors compared"), std::string::npos) << finished.out;
  }
}

}  // namespace
}  // namespace karyon
