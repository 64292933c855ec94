// A disk that fails at the k-th call, for every k of a checkpoint and of a state: what was whole before is whole after.
// The faults come from a preloaded library (tests/faults).
#include <gtest/gtest.h>

#include "apps/training/run_state.h"
#include "engine/files.h"
#include "tests/child.h"
#include "tests/tiny_model.h"
#include "weights/checkpoint.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

const Words kRecipe{"--device",     "cpu", "--width",   "0.35", "--decoder-filters",  "8,8,8,8",
                    "--image-size", "32",  "--threads", "1",    "--synthetic-images", "8",
                    "--batch-size", "4",   "--minimal"};

Finished train(const fs::path& folder, const Words& more, const Words& variables = {}) {
  Words words = kRecipe;
  words.insert(words.end(), more.begin(), more.end());
  return run_child("train_unet", words, folder, variables);
}

Words failing_at(int k, bool from_there_on = false) {
  Words variables{std::string("LD_PRELOAD=") + KARYON_FAILING_CALLS, "KARYON_TEST_FAIL_AT=" + std::to_string(k)};
  if (from_there_on) variables.emplace_back("KARYON_TEST_FAIL_ON=1");
  return variables;
}

TEST(SaveFaults, AfterAnyFailingCallTheLastWholeCheckpointLoads) {
  const TempDir dir;
  ASSERT_EQ(train(dir.path(), {"--epochs", "1", "--out", "run"}).status, 0);
  const Checkpoint before = load_checkpoint(dir / "run/weights/last.safetensors");
  int survived = 0;
  for (int k = 1; k < 200; ++k) {
    const TempDir copy;
    fs::copy(dir / "run", copy / "run", fs::copy_options::recursive);
    const Finished finished = train(copy.path(), {"--epochs", "2", "--resume", "run"}, failing_at(k));
    const fs::path run = copy / "run";
    for (const char* file : {"weights/last.safetensors", "weights/best.safetensors"}) {
      const Checkpoint checkpoint = load_checkpoint(run / file);
      EXPECT_TRUE(checkpoint.epoch == 1 || checkpoint.epoch == 2) << k;
      EXPECT_EQ(checkpoint.tensors.size(), before.tensors.size()) << k;
    }
    std::string warning;
    const auto state = load_state(run, warning);
    ASSERT_TRUE(state) << k;
    EXPECT_TRUE(state->epoch == 2 || state->epoch == 3) << k;
    for (const auto& entry : fs::recursive_directory_iterator(run)) {
      EXPECT_NE(entry.path().extension(), ".tmp") << k << ": " << entry.path();
    }
    if (finished.status == 0) {
      survived = finished.err.find("warning") == std::string::npos ? survived + 1 : 0;
      if (survived == 3) return;  // behind the last call of the run
    } else {
      survived = 0;
      EXPECT_TRUE(finished.status == 73 || finished.status == 74) << k << ": " << finished.err;
    }
  }
  FAIL() << "the run never ended without a fault";
}

TEST(SaveFaults, ADiskThatStaysFullStopsTheRunAtTheSecondSave) {
  const TempDir dir;
  ASSERT_EQ(train(dir.path(), {"--epochs", "1", "--out", "run"}).status, 0);
  // The small files at the start of the run are 8 calls and a few; the checkpoints come behind them.
  const Finished finished = train(dir.path(), {"--epochs", "9", "--resume", "run"}, failing_at(30, true));
  EXPECT_EQ(finished.status, 73) << finished.err;
  EXPECT_NE(finished.err.find("saving failed twice"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("what was saved before is whole, the run goes on"), std::string::npos) << finished.err;
  const Finished again = train(dir.path(), {"--epochs", "3", "--resume", "run"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(load_checkpoint(dir / "run/weights/last.safetensors").epoch, 3);
}

}  // namespace
}  // namespace karyon
