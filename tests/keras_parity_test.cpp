// keras_parity on files that Karyon writes about itself, whole and spoiled, and on Keras's own.
#include <cmath>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "apps/models/parameters.h"
#include "engine/random.h"
#include "tests/child.h"
#include "tests/keras_replay.h"
#include "tests/parity_file.h"

namespace karyon {
namespace {

Finished keras_parity(const std::vector<std::string>& arguments) {
  return run_child("keras_parity", arguments, std::filesystem::temp_directory_path());
}

/// Two steps of a small network, as Karyon computes them.
ParityFile small_file(bool finetuned) {
  KerasReference r;
  r.options.encoder.width = 0.35;
  r.options.filters = {8, 8, 8, 8};
  r.finetuned = finetuned;
  r.steps = 2;
  r.batch = 2;
  r.h = 32;
  r.w = 64;
  RandomStream random(7, Purpose::bench);
  r.images.resize(2 * r.pixels() * 3);
  r.masks.resize(2 * r.pixels());
  for (std::uint8_t& v : r.images) v = static_cast<std::uint8_t>(random.below(256));
  for (std::uint8_t& v : r.masks) v = static_cast<std::uint8_t>(random.below(2));
  ParityFile file;
  {
    Context context({}, 1);
    UNet unet(context, r.options);
    unet.initialize(3);
    for (const NamedArray& a : to_arrays(unet)) {
      r.init.push_back({"init/" + a.name, a.shape, a.values});
      file.add("init/" + a.name, a.shape, a.values);
    }
  }
  file.metadata = {{"alpha", "0.35"}, {"decoder_filters", "8,8,8,8"}};
  file.tensors["images_uint8_nhwc"] = {ArchiveType::u8, {2, 2, 32, 64, 3}, r.images};
  file.tensors["masks_uint8"] = {ArchiveType::u8, {2, 2, 32, 64}, r.masks};
  for (const auto& [name, tensor] : replay_training(r, FirstUpdate::own, no_rounding(r), r.steps)) {
    file.add(name, {tensor.shape.begin(), tensor.shape.end()}, tensor.values);
  }
  return file;
}

class KerasParity : public ::testing::Test {
 protected:
  Finished run(const ParityFile& file) {
    const std::filesystem::path path = folder_ / "file.safetensors";
    file.write(path);
    return keras_parity({path});
  }
  void expect_bad(const ParityFile& file, const std::string& part) {
    expect_failure(run(file), "keras_parity", 65, {"file.safetensors", part});
  }
  TempDir folder_;
};

TEST_F(KerasParity, AgreesWithItself) {
  for (const bool finetuned : {false, true}) {
    const Finished finished = run(small_file(finetuned));
    EXPECT_EQ(finished.status, 0) << finished.out << finished.err;
    EXPECT_NE(finished.out.find(finetuned ? "442 tensors compared: equal" : "291 tensors compared: equal"),
              std::string::npos)
        << finished.out;
  }
}

TEST_F(KerasParity, SeesOneValueMoved) {
  const ParityFile whole = small_file(false);
  for (const std::string name :
       {"step1/logits", "step1/grad/head/bias", "losses", "after5/encoder/block_3_expand/kernel",
        "after5/up_2/batch_norm/moving_mean", "after5/up_2/batch_norm/gamma", "after5/eval_logits"}) {
    ParityFile file = whole;
    file.move(name, 1);
    const Finished finished = run(file);
    EXPECT_EQ(finished.status, 1) << name << finished.out << finished.err;
    EXPECT_NE(finished.out.find("DEVIATES: " + name + " "), std::string::npos) << finished.out;
  }
}

TEST_F(KerasParity, NoNumberAgreesWithNothing) {
  ParityFile file = small_file(false);
  file.add("losses", {2}, {0.7F, NAN});
  EXPECT_EQ(run(file).status, 1);
}

TEST_F(KerasParity, RefusesWhatIsNotSuchAFile) {
  const ParityFile whole = small_file(false);
  ParityFile file = whole;
  file.tensors.erase("after5/head/bias");
  expect_bad(file, "missing after5/head/bias");
  file = whole;
  file.tensors.erase("step1/grad/up_1/conv_transpose/kernel");
  expect_bad(file, "step1/grad/up_1/conv_transpose/kernel");
  file = whole;
  file.add("step1/extra", {1}, {1});
  expect_bad(file, "unexpected step1/extra");
  file = whole;
  file.tensors.at("losses").shape = {2, 1};
  expect_bad(file, "losses is 2x1, expected 2");
  file = whole;
  file.tensors.erase("init/encoder/Conv1/kernel");
  expect_bad(file, "missing init/encoder/Conv1/kernel");
  file = whole;
  file.add("init/head/bias", {2}, {0, INFINITY});
  expect_bad(file, "init/head/bias");
  file = whole;
  file.tensors.erase("masks_uint8");
  expect_bad(file, "masks_uint8");
  file = whole;
  file.tensors.at("masks_uint8").bytes[5] = 2;
  expect_bad(file, "class 2");
  for (const char* alpha : {"", "0", "-1", "0.35x", "1e9", "nan"}) {
    file = whole;
    file.metadata["alpha"] = alpha;
    expect_bad(file, "alpha");
  }
  for (const char* filters : {"", "8,8,8", "8,8,8,8,8", "8,8,8,0", "8,8,8,8 ", "8;8;8;8", "8,8,8,99999999"}) {
    file = whole;
    file.metadata["decoder_filters"] = filters;
    expect_bad(file, "decoder_filters");
  }
  file = whole;
  file.metadata.erase("alpha");
  expect_bad(file, "alpha");
}

TEST_F(KerasParity, RefusesUnreadableFiles) {
  const std::filesystem::path path = folder_ / "file.safetensors";
  small_file(false).write(path);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  expect_failure(keras_parity({path}), "keras_parity", 65, {"file.safetensors"});
  write_file(path, std::string_view("this is a text, and not a container of tensors\n"));
  expect_failure(keras_parity({path}), "keras_parity", 65, {"file.safetensors"});
  expect_failure(keras_parity({folder_ / "none"}), "keras_parity", 66, {"none"});
  EXPECT_EQ(keras_parity({}).status, 2);
  EXPECT_EQ(keras_parity({path, path}).status, 2);
}

TEST_F(KerasParity, RefusesADeviceThatIsNotThere) {
  const std::filesystem::path path = folder_ / "file.safetensors";
  small_file(false).write(path);
  EXPECT_EQ(keras_parity({"--device", "cpu", path}).status, 0);
  expect_failure(keras_parity({"--device", "cuda:99", path}), "keras_parity", 69, {"cuda:99"});
  expect_failure(keras_parity({path, "--device"}), "keras_parity", 2, {"--device"});
}

class KerasParityShared : public KerasParity, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    path_ = shared_folder() / "reference" / GetParam();
    if (!std::filesystem::exists(path_)) GTEST_SKIP() << path_ << " is absent";
  }
  std::filesystem::path path_;
};

TEST_P(KerasParityShared, Agrees) {
  const Finished finished = keras_parity({path_});
  EXPECT_EQ(finished.status, 0) << finished.out << finished.err;
  std::size_t results = 0;
  for (const auto& [name, tensor] : ParityFile::read(path_).tensors) {
    results += tensor.type == ArchiveType::f32 && !name.starts_with("init/") ? 1 : 0;
  }
  EXPECT_NE(finished.out.find(std::to_string(results) + " tensors compared: equal"), std::string::npos) << finished.out;
}

TEST_P(KerasParityShared, SeesOneValueMoved) {
  ParityFile file = ParityFile::read(path_);
  file.move("after5/eval_logits", 1000);
  file.move("step1/grad/up_3/batch_norm/beta", 3);
  const Finished finished = run(file);
  EXPECT_EQ(finished.status, 1) << finished.out << finished.err;
  EXPECT_NE(finished.out.find("DEVIATES: after5/eval_logits "), std::string::npos) << finished.out;
  EXPECT_NE(finished.out.find("DEVIATES: step1/grad/up_3/batch_norm/beta "), std::string::npos) << finished.out;
}

INSTANTIATE_TEST_SUITE_P(Files, KerasParityShared,
                         ::testing::Values("keras_unet_frozen.safetensors", "keras_unet_finetune.safetensors"),
                         [](const auto& file) { return file.index == 0 ? "Frozen" : "FineTuned"; });

}  // namespace
}  // namespace karyon
