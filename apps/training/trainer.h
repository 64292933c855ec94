// The epochs of a training run.
// Invariant: after every epoch history.csv, weights/last.safetensors and, when the epoch was the best so far,
// weights/best.safetensors are whole on disk, and behind them the state from which the run goes on, bit by bit as if it
// had not stopped. The state is saved within an epoch as well.
#pragma once

#include <optional>
#include <vector>

#include "apps/cli/log.h"
#include "apps/cli/output_folder.h"
#include "apps/data/split.h"
#include "apps/training/history.h"
#include "apps/training/options.h"
#include "apps/training/run_state.h"
#include "apps/training/setup.h"

namespace karyon {

struct TrainingResult {
  std::vector<EpochResult> history;
  std::size_t best = 0;      // index into history: the best of options.monitor, the first of equals
  bool interrupted = false;  // by a signal: the state is saved, the run is not at its end
};

/// Trains `model` on the split of `set` and writes into `folder`, which is kept from the first checkpoint on; goes on
/// from `state` where there is one. Error diverged when the loss or a weight is not finite, naming the first tensor
/// whose gradient is not.
TrainingResult train(Context& context, TrainingModel& model, const TrainingSet& set, const Split& split,
                     const TrainOptions& options, const std::optional<RunState>& state, OutputFolder& folder, Log& log);

}  // namespace karyon
