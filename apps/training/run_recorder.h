// What a run shows beside history and checkpoints: TensorBoard, curves, pictures of predictions and of the model, and
// at its end the report. Nothing of it with --minimal. Invariant: it changes nothing of the training; a file of it that
// cannot be written is told and stops nothing.
#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <vector>

#include "apps/cli/log.h"
#include "apps/cli/output_folder.h"
#include "apps/data/split.h"
#include "apps/drawing/panels.h"
#include "apps/tensorboard/run_boards.h"
#include "apps/training/options.h"
#include "apps/training/predictions.h"
#include "apps/training/setup.h"
#include "apps/training/training_result.h"
#include "model/resident_set.h"

namespace karyon {

/// The first epoch and the first batch, counted through all epochs, that will be trained; both from 1.
struct StartingPoint {
  int epoch = 1;
  std::int64_t batch = 1;
};

class RunRecorder {
 public:
  /// What it is given must outlive it.
  RunRecorder(Context& context, TrainingModel& model, const ResidentSet& resident, const TrainingSet& set,
              const Split& split, const TrainOptions& options, const OutputFolder& folder, Log& log,
              StartingPoint start);

  void batch(std::int64_t number, double loss);
  /// After an epoch, with the weights that were validated in the network, folded.
  void epoch(const TrainingResult& result);
  /// At the run's end: pictures of the best and the last epoch, curves, report. Puts their weights into the network.
  void finish(const TrainingResult& result);

 private:
  [[nodiscard]] bool is_sample_epoch(int epoch) const;
  void draw_predictions(const EpochResult& result);
  void draw_augmented();
  void draw_results(const TrainingResult& result);
  void draw_worst(const TrainingResult& result);
  void load_weights(const char* file);
  [[nodiscard]] std::vector<Prediction> predictions_of(std::span<const std::int32_t> images) const;
  [[nodiscard]] Panel panel_of(const Prediction& prediction) const;
  [[nodiscard]] std::vector<std::uint8_t> page(const std::string& heading,
                                               std::span<const Prediction> predictions) const;
  template <typename Action>
  void try_to(const char* what, Action action);

  Context& context_;
  TrainingModel& model_;
  const ResidentSet& resident_;
  const TrainingSet& set_;
  const Split& split_;
  const TrainOptions& options_;
  Log& log_;
  std::filesystem::path folder_;
  std::unique_ptr<TensorBoardLog> boards_;
  std::vector<std::int32_t> shown_;  // the validation images of every picture
  std::set<int> drawn_;              // epochs that have their picture
};

}  // namespace karyon
