// Models that leave Karyon: the ONNX graph as its schema shows it, 16 bits, the self-test, and infer_unet's flags.
#include <cmath>
#include <set>

#include <gtest/gtest.h>
#include <weights/onnx.pb.h>

#include "apps/export/bioimageio.h"
#include "apps/export/model_probe.h"
#include "apps/export/onnx_model.h"
#include "apps/export/planar_network.h"
#include "apps/export/self_test.h"
#include "engine/files.h"
#include "tests/child.h"
#include "tests/expect_error.h"
#include "tests/export_models.h"
#include "tests/tiny_model.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

const std::vector<float> kNumbers{0.5F, -0.0F, 1e-40F, 3e38F, 7, -1};

onnx::ModelProto parsed(const Checkpoint& model) {
  Context context(Device{}, 1);
  const std::vector<std::uint8_t> bytes = onnx_of(*load_unet(context, model, "model"), model);
  onnx::ModelProto result;
  EXPECT_TRUE(result.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return result;
}

/// The ints of a node's attribute.
std::vector<std::int64_t> ints(const onnx::ModelProto& model, const std::string& node, const std::string& attribute) {
  for (const auto& n : model.graph().node()) {
    if (n.name() != node) continue;
    for (const auto& a : n.attribute()) {
      if (a.name() == attribute) return {a.ints().begin(), a.ints().end()};
    }
  }
  ADD_FAILURE() << node << " has no " << attribute;
  return {};
}

using Ints = std::vector<std::int64_t>;

TEST(ExportOnnx, EveryNameIsMadeOnceBeforeItIsUsed) {
  const onnx::ModelProto model = parsed(model_to_export({.classes = 3}));
  std::set<std::string> known{"image"};
  for (const auto& tensor : model.graph().initializer()) EXPECT_TRUE(known.insert(tensor.name()).second);
  std::map<std::string, int> ops;
  for (const auto& node : model.graph().node()) {
    for (const std::string& input : node.input()) EXPECT_TRUE(known.contains(input)) << input;
    for (const std::string& output : node.output()) EXPECT_TRUE(known.insert(output).second) << output;
    ++ops[node.op_type()];
  }
  EXPECT_TRUE(known.contains("logits"));
  // 51 convolutions of which 17 projections have no activation; ten residuals and the normalisation's sum.
  const std::map<std::string, int> expected{{"Add", 11},          {"Clip", 34}, {"Concat", 4}, {"Conv", 51},
                                            {"ConvTranspose", 5}, {"Mul", 1},   {"Relu", 4}};
  EXPECT_EQ(ops, expected);
}

TEST(ExportOnnx, PaddingAndSizesAreTheModels) {
  const onnx::ModelProto same = parsed(model_to_export({})), other = parsed(model_to_export({.padding = "symmetric"}));
  EXPECT_EQ(ints(same, "encoder/Conv1", "pads"), (Ints{0, 0, 1, 1}));
  EXPECT_EQ(ints(other, "encoder/Conv1", "pads"), (Ints{1, 1, 1, 1}));
  EXPECT_EQ(ints(same, "encoder/block_1_depthwise", "strides"), (Ints{2, 2}));
  EXPECT_EQ(ints(same, "encoder/expanded_conv_depthwise", "pads"), (Ints{1, 1, 1, 1}));
  EXPECT_EQ(ints(same, "logits", "pads"), (Ints{0, 0, 1, 1}));
  const auto& shape = same.graph().output(0).type().tensor_type().shape();
  EXPECT_EQ(shape.dim(0).dim_param(), "batch");
  EXPECT_EQ(shape.dim(1).dim_value(), 2);
  EXPECT_EQ(shape.dim(3).dim_param(), "width");
  EXPECT_EQ(same.producer_name(), "karyon");
  std::map<std::string, std::string> metadata;
  for (const auto& entry : same.metadata_props()) metadata[entry.key()] = entry.value();
  EXPECT_EQ(metadata.at("class_names"), "background,nucleus");
  EXPECT_EQ(metadata.at("threshold"), "0.5");
}

TEST(ExportNpy, WhatIsWrittenIsRead) {
  const TempDir dir;
  for (const Ints& shape : {Ints{6}, Ints{1, 2, 3, 1}}) {
    write_file(dir / "a.npy", encode_npy({shape, kNumbers}));
    const NpyArray array = read_npy(dir / "a.npy");
    EXPECT_EQ(array.shape, shape);
    EXPECT_EQ(array.values, kNumbers);
    EXPECT_EQ((fs::file_size(dir / "a.npy") - kNumbers.size() * sizeof(float)) % 64, 0U);
  }
}

TEST(ExportHalf, TheStandardNetworkFitsIn14Megabytes) {
  Context context(Device{}, 2);
  const Checkpoint model = model_to_export({.width = 1, .filters = {512, 256, 128, 64}});
  const std::vector<std::uint8_t> bytes = half_model(context, model, "model");
  EXPECT_LT(bytes.size(), 14'000'000U);
  const Checkpoint half = decode_checkpoint(bytes, "half");
  const std::vector<float> before = model_probe(context, *load_unet(context, model, "model"), model.normalisation);
  ASSERT_EQ(half.probe.size(), before.size());
  EXPECT_EQ(half.probe, model_probe(context, *load_unet(context, half, "half"), half.normalisation));
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(half.probe[i], before[i], 0.02) << i;
}

struct SelfTesting : ::testing::Test {
  TempDir dir;
  Context context{Device{}, 2};
  Checkpoint model = model_to_export({});
  void write_folder() {
    write_bioimageio(context, *load_unet(context, model, "model"), model, encode_checkpoint(model), dir.path());
  }
};

TEST_F(SelfTesting, AModelThatAnswersAsBeforePasses) {
  write_file(dir / "half", half_model(context, model, "model"));
  const SelfTest half = run_self_test(context, dir / "half");
  EXPECT_TRUE(half.ok()) << half.max_error;
  EXPECT_EQ(half.compared, 32U);
  write_folder();
  const SelfTest folder = run_self_test(context, dir.path());
  EXPECT_TRUE(folder.ok()) << folder.max_error;
  EXPECT_EQ(folder.compared, 2U * 64 * 96);
}

TEST_F(SelfTesting, AnotherAnswerFails) {
  Checkpoint changed = decode_checkpoint(half_model(context, model, "model"), "half");
  tensor_of(changed, "encoder/block_3_project_BN/beta").values[0] += 0.5F;
  save_checkpoint(dir / "changed", changed);
  EXPECT_FALSE(run_self_test(context, dir / "changed").ok());
  EXPECT_FALSE(SelfTest({1, NAN, 1}).ok());
}

TEST_F(SelfTesting, WhatHoldsNoAnswersIsRefused) {
  save_checkpoint(dir / "plain", model);
  expect_error(Exit::bad_data, "holds no answers", [&] { run_self_test(context, dir / "plain"); });
  expect_error(Exit::no_input, "", [&] { run_self_test(context, dir / "none"); });
  expect_error(Exit::no_input, "rdf.yaml", [&] { run_self_test(context, dir.path()); });
  model.probe = {1, 2};
  save_checkpoint(dir / "short", model);
  expect_error(Exit::bad_data, "2 numbers, expected 32", [&] { run_self_test(context, dir / "short"); });
}

TEST_F(SelfTesting, ADamagedFolderIsRefused) {
  write_folder();
  for (const char* name : {kModelFile, kOnnxFile, kTestInputFile, kTestOutputFile, kCoverFile, kDocumentationFile}) {
    const std::vector<std::uint8_t> good = read_file(dir / name);
    std::vector<std::uint8_t> bad = good;
    bad.back() ^= 1;
    write_file(dir / name, bad);
    expect_error(Exit::bad_data, std::string(name) + ": the file is damaged",
                 [&] { run_self_test(context, dir.path()); });
    write_file(dir / name, good);
  }
  write_file(dir / kDescriptionFile, R"([{"source": "../model.onnx", "sha256": "0"}])");
  expect_error(Exit::bad_data, "no file of the folder", [&] { run_self_test(context, dir.path()); });
  write_file(dir / kDescriptionFile, "format_version: 0.5.7");
  expect_error(Exit::bad_data, "not a description", [&] { run_self_test(context, dir.path()); });
}

struct ExportFlags : ::testing::Test {
  ExportFlags() { save_checkpoint(dir / "model", tiny_checkpoint()); }
  TempDir dir;
  [[nodiscard]] Finished infer(const std::vector<std::string>& words) const {
    return run_child("infer_unet", words, dir.path());
  }
};

TEST_F(ExportFlags, WriteWhatTheySayAndNothingElse) {
  const Finished done =
      infer({"--model", "model", "--export-onnx", "m.onnx", "--export-half", "half", "--export-bioimageio", "bio"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, "half: half\nonnx: m.onnx\nbioimageio: bio\n");
  EXPECT_EQ(tree(dir.path()),
            (std::vector<std::string>{"bio/", "bio/cover.png", "bio/documentation.md", "bio/model.onnx",
                                      "bio/model.safetensors", "bio/rdf.yaml", "bio/test_input.npy",
                                      "bio/test_output.npy", "half", "m.onnx", "model"}));
  EXPECT_EQ(read_file(dir / "m.onnx"), read_file(dir / "bio/model.onnx"));
  for (const char* model : {"half", "bio"}) {
    const Finished tested = infer({"--self-test", model});
    EXPECT_EQ(tested.status, 0) << tested.err;
    EXPECT_TRUE(tested.out.starts_with("self_test: passed, ")) << tested.out;
  }
}

TEST_F(ExportFlags, OverwriteNothingUnlessTold) {
  write_file(dir / "there", "old");
  for (const char* flag : {"--export-onnx", "--export-half"}) {
    expect_failure(infer({"--model", "model", flag, "there"}), "infer_unet", 73, {flag, "there", "exists"});
    EXPECT_EQ(read_file(dir / "there").size(), 3U);
  }
  expect_failure(infer({"--model", "model", "--export-bioimageio", "."}), "infer_unet", 73, {"not empty"});
  EXPECT_EQ(infer({"--model", "model", "--export-half", "there", "--exist-ok"}).status, 0);
  EXPECT_GT(fs::file_size(dir / "there"), 3U);
}

TEST_F(ExportFlags, AFailedSelfTestIs70) {
  Checkpoint model = tiny_checkpoint();
  model.probe.assign(32, 1e3F);
  save_checkpoint(dir / "other", model);
  expect_failure(infer({"--self-test", "other"}), "infer_unet", 70,
                 {"--self-test other", "does not answer", "allowed"});
  expect_failure(infer({"--self-test", "model"}), "infer_unet", 65, {"holds no answers"});
  EXPECT_EQ(infer({"--export-onnx", "x"}).status, 0) << "the model in the box";
}

}  // namespace
}  // namespace karyon
