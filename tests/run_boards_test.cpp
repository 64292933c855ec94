// What a run tells TensorBoard: every column of history.csv to the bit, what going on does, and the graph.
#include "apps/tensorboard/run_boards.h"

#include <map>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "apps/images/png.h"
#include "apps/tensorboard/model_graph.h"
#include "engine/context.h"
#include "tests/event_reader.h"
#include "tests/expect_error.h"
#include "tests/temp_dir.h"

namespace karyon {
namespace {

/// Numbers with more digits than history.csv shows; for the loss that shows in a float, too.
EpochResult example(int epoch) {
  EpochResult r;
  r.epoch = epoch;
  r.train = {1.12345894 / epoch, 0.987654321, 0.55555555555, 0.6666666666};
  r.validation = {0.3333333333 / epoch, 0.912345678, 0.7777777777, 0.8888888888};
  r.learning_rate = 0.001F;
  r.images_per_second = 55.12987;
  r.wall_seconds = 12.3456;
  r.memory_mb = 812.2789;
  return r;
}

std::filesystem::path only_file(const std::filesystem::path& folder) {
  const std::vector<std::filesystem::path> files = event_files(folder);
  EXPECT_EQ(files.size(), 1U);
  return files.at(0);
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> parts;
  std::istringstream in(line);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

TEST(RunBoards, EveryColumnOfHistoryAsItsTextSays) {
  const TempDir dir;
  TensorBoardLog log(dir.path(), counting_clock(1000), 1, 1);
  log.epoch(example(3));
  std::istringstream csv(history_csv({example(3)}));
  std::string names, values;
  std::getline(csv, names);
  std::getline(csv, values);
  EXPECT_NE(static_cast<float>(example(3).train.loss), std::stof(split(values)[1])) << "else it proves nothing";
  std::set<std::string> seen;
  for (std::size_t i = 1; i < split(names).size(); ++i) {
    const std::string name = split(names)[i];
    const bool validation = name.starts_with("val_");
    const std::string tag = "epoch_" + (validation ? name.substr(4) : name);
    const std::filesystem::path file = only_file(dir / (validation ? "validation" : "train"));
    const std::vector<ScalarPoint> points = scalars_of(file, tag);
    ASSERT_EQ(points.size(), 1U) << name;
    EXPECT_EQ(points[0].step, 3) << name;
    EXPECT_EQ(points[0].value, static_cast<float>(std::stod(split(values)[i]))) << name;
    seen.insert(file.parent_path().filename().string() + " " + tag);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"train epoch_accuracy", "train epoch_dice", "train epoch_images_per_s",
                                         "train epoch_iou", "train epoch_learning_rate", "train epoch_loss",
                                         "train epoch_memory_mb", "train epoch_wall_s", "validation epoch_accuracy",
                                         "validation epoch_dice", "validation epoch_iou", "validation epoch_loss"}));
}

TEST(RunBoards, BatchesAndTheOthers) {
  const TempDir dir;
  const std::vector<std::uint8_t> png = encode_png(Picture(7, 300, 3));
  const std::vector<NamedArray> arrays{{"head/bias", {2}, {0.5F, -1.0F}}, {"head/kernel", {1}, {3.0F}}};
  TensorBoardLog log(dir.path(), counting_clock(1000), 1, 1);
  log.batch(1, 0.75);
  log.panel("samples", 1, png);
  log.histograms(1, arrays);
  log.text("config", 1, "epochs = 2");
  expect_error(Exit::internal, "PNG", [&] { log.panel("samples", 1, std::vector<std::uint8_t>(100)); });
  EXPECT_TRUE(dir.names().empty());
  log.flush();
  EXPECT_EQ(dir.names(), std::vector<std::string>{"train"}) << "nothing was said of validation";

  std::map<std::string, tensorboard::Summary::Value> values;
  for (const tensorboard::Event& event : events_of(only_file(dir / "train"))) {
    for (const auto& value : event.summary().value()) values[value.tag()] = value;
  }
  EXPECT_EQ(values.size(), 5U);
  EXPECT_EQ(values["batch_loss"].simple_value(), 0.75F);
  EXPECT_EQ(values["samples"].image().width(), 7);
  EXPECT_EQ(values["samples"].image().height(), 300);
  EXPECT_EQ(values["samples"].image().encoded_image_string(), std::string(png.begin(), png.end()));
  EXPECT_EQ(values["head/bias"].histo().sum(), -0.5);
  EXPECT_EQ(values["head/kernel"].histo().max(), 3.0);
  EXPECT_EQ(values["config"].tensor().string_val(0), "epochs = 2");
}

/// Two epochs of three batches each, from the first that is to come; the loss tells who wrote it.
void run(const std::filesystem::path& folder, int first_epoch, double loss) {
  const int first_batch = 3 * (first_epoch - 1) + 1;
  TensorBoardLog log(folder, counting_clock(1000 * first_epoch), first_epoch, first_batch);
  for (int epoch = first_epoch; epoch < first_epoch + 2; ++epoch) {
    for (int i = 1; i <= 3; ++i) log.batch(3 * (epoch - 1) + i, loss);
    log.epoch(example(epoch));
  }
}

TEST(RunBoards, GoingOnRepeatsTheBatchesThatStartTakesBack) {
  const TempDir dir;
  run(dir.path(), 1, 1.0);
  run(dir.path(), 2, 2.0);
  const std::filesystem::path first = event_files(dir / "train").at(0);
  std::filesystem::resize_file(first, std::filesystem::file_size(first) - 3);  // a crash tore its end
  run(dir.path(), 3, 3.0);
  const std::vector<std::filesystem::path> files = event_files(dir / "train");
  ASSERT_EQ(files.size(), 3U);
  EXPECT_EQ(events_of(files[2])[1].session_log().status(), tensorboard::SessionLog::START);
  EXPECT_EQ(events_of(files[2])[1].step(), 3);
  EXPECT_EQ(events_of(event_files(dir / "validation").at(2))[1].step(), 3);
  std::string said;
  for (const ScalarPoint& p : scalars_of(files[2], "batch_loss")) {
    said += std::to_string(p.step) + ":" + std::to_string(static_cast<int>(p.value)) + " ";
  }
  EXPECT_EQ(said, "3:1 4:2 5:2 6:2 7:3 8:3 9:3 10:3 11:3 12:3 ");
  EXPECT_EQ(scalars_of(files[2], "batch_loss")[0].wall_time, scalars_of(files[0], "batch_loss")[2].wall_time);
}

TEST(ModelGraph, IsWiredAndScoped) {
  Context context(Device{}, 1);
  UNet unet(context, {});
  tensorboard::GraphDef graph;
  ASSERT_TRUE(graph.ParseFromString(model_graph(summarise(unet, 128, 128))));
  std::map<std::string, tensorboard::NodeDef> nodes;
  for (const tensorboard::NodeDef& node : graph.node()) {
    for (const std::string& input : node.input()) EXPECT_TRUE(nodes.count(input)) << node.name() << " <- " << input;
    EXPECT_TRUE(nodes.emplace(node.name(), node).second) << node.name() << " is there twice";
  }
  const auto expect = [&](const std::string& name, const std::string& op, const std::vector<std::string>& inputs,
                          const std::vector<std::int64_t>& shape) {
    const tensorboard::NodeDef& node = nodes[name];
    EXPECT_EQ(node.op(), op) << name;
    EXPECT_EQ(std::vector<std::string>(node.input().begin(), node.input().end()), inputs) << name;
    std::vector<std::int64_t> sizes;
    for (const auto& dim : node.attr().at("_output_shapes").list().shape(0).dim()) sizes.push_back(dim.size());
    EXPECT_EQ(sizes, shape) << name;
  };
  expect("input", "Placeholder", {}, {-1, 128, 128, 3});
  expect("encoder/Conv1", "Conv2D", {"input"}, {-1, 64, 64, 32});
  expect("encoder/expanded_conv/depthwise", "DepthwiseConv2dNative", {"encoder/Conv1_relu"}, {-1, 64, 64, 32});
  expect("encoder/block_3/expand_BN", "FusedBatchNormV3", {"encoder/block_3/expand"}, {-1, 32, 32, 144});
  expect("encoder/block_3/expand_relu", "Relu6", {"encoder/block_3/expand_BN"}, {-1, 32, 32, 144});
  expect("encoder/block_2/add", "Add", {"encoder/block_2/project_BN", "encoder/block_1/project_BN"}, {-1, 32, 32, 24});
  expect("decoder/up_1/conv_transpose", "Conv2DBackpropInput", {"encoder/block_16/project"}, {-1, 8, 8, 512});
  expect("decoder/up_2/concat", "ConcatV2", {"decoder/up_1/relu", "encoder/block_13/expand_relu"},
         {-1, 8, 8, 512 + 576});
  expect("decoder/up_2/relu", "Relu", {"decoder/up_2/batch_norm"}, {-1, 16, 16, 256});
  expect("head/conv_transpose", "Conv2DBackpropInput", {"head/concat"}, {-1, 128, 128, 2});
  expect("head/softmax", "Softmax", {"head/conv_transpose"}, {-1, 128, 128, 2});
}

}  // namespace
}  // namespace karyon
