// history.csv and the line of an epoch, to the letter: other programs read them.
#include "apps/training/history.h"

#include <gtest/gtest.h>

#include "apps/cli/csv.h"
#include "apps/cli/step_timing.h"

namespace karyon {
namespace {

EpochResult example() {
  EpochResult r;
  r.epoch = 3;
  r.train = {0.25, 0.9375, 0.5, 0.625};
  r.validation = {0.1021049, 0.96204, 0.75, 1.0};
  r.learning_rate = 0.001F;  // a float, as the optimizer holds it
  r.images_per_second = 55.125;
  r.wall_seconds = 12.344;
  r.memory_mb = 812.25;
  return r;
}

TEST(History, ColumnsAndTheirOrder) {
  EXPECT_EQ(history_csv({}),
            "epoch,loss,accuracy,val_loss,val_accuracy,iou,dice,val_iou,val_dice,learning_rate,images_per_s,wall_s,"
            "memory_mb\n");
  const std::string text = history_csv({example(), example()});
  const std::string row = "3,0.25,0.9375,0.1021049,0.96204,0.5,0.625,0.75,1,0.001,55.12,12.34,812.2\n";
  EXPECT_EQ(text.substr(text.find('\n') + 1), row + row);
}

TEST(History, LineOfAnEpoch) {
  EXPECT_EQ(epoch_line(example(), 12, 8.04),
            "Epoch 3/12 - 8.0s - loss: 0.2500 - accuracy: 0.9375 - val_loss: 0.1021 - val_accuracy: 0.9620 - val_iou: "
            "0.7500 - val_dice: 1.0000 - 55.1 images/s");
}

TEST(History, MemoryIsThatOfTheProcess) {
  const std::vector<char> block(64'000'000, 1);
  EXPECT_GT(peak_memory_mb(), 64.0 + block[5]);
  EXPECT_LT(peak_memory_mb(), 1e5);
}

TEST(StepTiming, MedianAndBest) {
  EXPECT_EQ(step_timing_line({0.5}, 32), "images/s median 64.0 best 64.0");
  EXPECT_EQ(step_timing_line({4, 1, 2}, 8), "images/s median 4.0 best 8.0");
  EXPECT_EQ(step_timing_line({4, 1, 3, 2}, 5), "images/s median 2.0 best 5.0");
}

TEST(Csv, QuotesWhatNeedsIt) {
  EXPECT_EQ(csv_field("plain name"), "plain name");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv_field(""), "");
}

}  // namespace
}  // namespace karyon
