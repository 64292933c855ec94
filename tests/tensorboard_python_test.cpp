// Event files read by TensorBoard's own reader, PyPI's package tensorboard, through tests/tensorboard_check.py. The
// interpreter is KARYON_PYTHON's, else python3; where it or the package is missing the test is skipped, saying so.
#include <gtest/gtest.h>

#include "apps/images/png.h"
#include "apps/tensorboard/run_boards.h"
#include "engine/context.h"
#include "engine/files.h"
#include "tests/event_reader.h"
#include "tests/python_check.h"
#include "tests/temp_dir.h"

namespace karyon {
namespace {

constexpr int kBatches = 4;

Checked check(const std::filesystem::path& run) { return python_check("tensorboard_check.py", run.string()); }

EpochResult result(int epoch) {
  const double e = epoch;
  return {epoch,
          {1.12345894 / e, 0.9 + e / 97, 0.1 * e, 1 / 3.0},
          {1.7 / e, 0.9 + e / 89, 0.13 * e, 2 / 3.0},
          0.001F,
          55.123 * e,
          7.777 * e,
          812.3 + e};
}

/// Epochs `first` to `last` of a run, told to TensorBoard with all that can be told.
void write_epochs(const std::filesystem::path& tb, int first, int last) {
  Context context(Device{}, 1);
  UNet unet(context, {});
  TensorBoardLog log(tb, counting_clock(1.7e9), first, kBatches * (first - 1) + 1);
  log.graph(summarise(unet, 128, 128));
  log.text("config", first, "epochs = 5");
  const std::vector<NamedArray> arrays{{"head/bias", {3}, {0.5F, -1e-20F, 3e30F}}};
  for (int epoch = first; epoch <= last; ++epoch) {
    for (int i = 1; i <= kBatches; ++i) log.batch(kBatches * (epoch - 1) + i, 1.0 / (epoch + i));
    log.panel("samples", epoch, encode_png(Picture(40, 30, 3)));
    log.histograms(epoch, arrays);
    log.epoch(result(epoch));
  }
}

TEST(TensorBoardsReader, SeesWhatHistoryShows) {
  const TempDir run;
  // The first process died behind epoch 3 with a state of epoch 2; the second went on from there.
  write_epochs(run / "tb", 1, 3);
  const std::filesystem::path torn = event_files(run / "tb/train").at(0);
  std::filesystem::resize_file(torn, std::filesystem::file_size(torn) - 5);
  write_epochs(run / "tb", 3, 5);
  std::vector<EpochResult> history;
  for (int epoch = 1; epoch <= 5; ++epoch) history.push_back(result(epoch));
  write_file(run / "history.csv", history_csv(history));

  const Checked checked = check(run.path());
  if (checked.status == kNotInstalled || checked.status == kNoInterpreter) GTEST_SKIP() << checked.text;
  EXPECT_EQ(checked.status, 0) << checked.text;
}

}  // namespace
}  // namespace karyon
