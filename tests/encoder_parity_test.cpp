// encoder_parity on taps that Karyon writes itself, whole and spoiled, and on Keras's own of the ImageNet encoder.
#include <cmath>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "tests/child.h"
#include "tests/encoder_taps.h"
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
