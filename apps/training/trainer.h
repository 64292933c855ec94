// The epochs of a training run.
// Invariant: after every epoch history.csv, weights/last.safetensors and, when the epoch was the best so far,
// weights/best.safetensors are whole on disk.
#pragma once

#include <vector>

#include "apps/cli/log.h"
#include "apps/cli/output_folder.h"
#include "apps/data/split.h"
#include "apps/training/history.h"
#include "apps/training/options.h"
#include "apps/training/setup.h"

namespace karyon {

struct TrainingResult {
  std::vector<EpochResult> history;
  std::size_t best = 0;  // index into history: the highest validation accuracy, the first of equals
};

/// Trains `model` on the split of `set` and writes into `folder`, which is kept from the first checkpoint on. Error
/// diverged when the loss or a weight is not finite.
TrainingResult train(Context& context, TrainingModel& model, const TrainingSet& set, const Split& split,
                     const TrainOptions& options, OutputFolder& folder, Log& log);

}  // namespace karyon
