// What a training run tells TensorBoard, in two folders as Keras has it: train and validation.
// Invariant: each column of history.csv is here, under Keras's name and rounded from the very text of the file: `x` is
// the tag epoch_x in train, `val_x` the same tag in validation; the step is the epoch. batch_loss alone counts batches.
//
// Going on with a run opens new files that say START at the first epoch to come (see event_file.h), whose number is at
// once a batch's: TensorBoard, which knows one count of steps a folder, would forget nearly all of batch_loss. So the
// new file repeats the batches from that number on, up to the first batch to come.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "apps/tensorboard/event_file.h"
#include "apps/training/history.h"
#include "model/summary.h"
#include "weights/named_array.h"

namespace karyon {

class TensorBoardLog {
 public:
  /// `folder` is the run's "tb". first_epoch and first_batch, both from 1, are the first that will be written: 1 in a
  /// new run. Nothing is written before the first flush.
  TensorBoardLog(const std::filesystem::path& folder, const WallClock& clock, int first_epoch,
                 std::int64_t first_batch);

  /// The scalars of an epoch, and then a flush: call it last in its epoch.
  void epoch(const EpochResult& result);
  /// Batches are counted through all epochs, from 1.
  void batch(std::int64_t number, double loss);
  /// The bytes of an RGB PNG file. Error internal when they are none.
  void panel(const std::string& tag, int epoch, std::span<const std::uint8_t> png);
  /// A histogram each, under the array's name.
  void histograms(int epoch, std::span<const NamedArray> arrays);
  void graph(const ModelSummary& summary);
  /// Shown as Markdown; the settings of a run, for example.
  void text(const std::string& tag, int epoch, const std::string& markdown);
  /// Errors of EventFile::flush.
  void flush();

 private:
  EventFile train_, validation_;
};

}  // namespace karyon
