// Training that diverges stops, and never writes over what was good.
#include "apps/training/trainer.h"

#include <limits>

#include <gtest/gtest.h>

#include "apps/data/synthetic.h"
#include "tests/expect_error.h"
#include "tests/temp_dir.h"
#include "tests/tiny_model.h"

namespace karyon {
namespace {

struct Trainer : ::testing::Test {
  Trainer() {
    options.width = 0.35;
    options.image_size = 32;
    options.decoder_filters = {16, 8, 8, 8};
    options.batch_size = 4;
    options.epochs = 2;
    model = make_training_model(context, options);
  }
  TrainingResult run() {
    OutputFolder folder((dir / "run").string(), "", true);
    return train(context, model, set, split, options, std::nullopt, folder, log);
  }

  TempDir dir;
  Context context{Device{}, 1};
  Log log{Verbosity::quiet};
  TrainOptions options;
  TrainingModel model;
  TrainingSet set = make_synthetic_set(0, 8, 32, 32, 1);
  Split split = make_split(8, 0.25, 0);
};

void spoil(UNet& unet, const std::string& name, float value) {
  for (const NamedParameter& p : unet.parameters()) {
    if (p.path == name) p.parameter->value.data()[0] = value;
  }
}

TEST_F(Trainer, ANonFiniteLossStopsTheRunWithoutATrace) {
  spoil(*model.unet, "head/bias", std::numeric_limits<float>::quiet_NaN());
  const std::string message = error_of(Exit::diverged, [&] { run(); });
  for (const char* part : {"epoch 1", "step 1", "--lr", "the first tensor with a bad gradient is "})
    EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_EQ(message.find("untouched"), std::string::npos) << message;
  EXPECT_TRUE(dir.names().empty());
}

TEST_F(Trainer, ANonFiniteStatisticStopsItToo) {
  // Training does not read moving statistics; validation does, and where ReLU swallows one the checkpoint is refused.
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const auto& [value, part] : {std::pair(-infinity, "the validation loss"), std::pair(infinity, "moving_mean")}) {
    spoil(*model.unet, "up_4/batch_norm/moving_mean", value);
    const std::string message = error_of(Exit::diverged, [&] { run(); });
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_TRUE(dir.names().empty());
  }
}

TEST_F(Trainer, ADivergedRunKeepsTheCheckpointsBeforeIt) {
  run();
  const Checkpoint before = load_checkpoint(dir / "run/weights/last.safetensors");
  spoil(*model.unet, "head/bias", std::numeric_limits<float>::infinity());
  error_of(Exit::diverged, [&] { run(); });
  EXPECT_EQ(load_checkpoint(dir / "run/weights/last.safetensors").tensors[0].values, before.tensors[0].values);
  EXPECT_GE(load_checkpoint(dir / "run/weights/best.safetensors").epoch, 1);
}

TEST_F(Trainer, TheLastEpochIsInTheLastCheckpoint) {
  const TrainingResult result = run();
  ASSERT_EQ(result.history.size(), 2U);
  const Checkpoint last = load_checkpoint(dir / "run/weights/last.safetensors");
  EXPECT_EQ(last.epoch, 2);
  EXPECT_EQ(last.scores.at("val_accuracy"), result.history[1].validation.accuracy);
  EXPECT_EQ(last.scores.at("loss"), result.history[1].train.loss);
}

}  // namespace
}  // namespace karyon
