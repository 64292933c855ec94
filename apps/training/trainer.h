// The epochs of a training run.
// Invariant: after every epoch history.csv, weights/last.safetensors and, when the epoch was the best so far,
// weights/best.safetensors are whole on disk, and behind them the state from which the run goes on, bit by bit as if it
// had not stopped. The state is saved within an epoch as well.
#pragma once

#include <optional>

#include "apps/cli/log.h"
#include "apps/cli/output_folder.h"
#include "apps/data/split.h"
#include "apps/training/options.h"
#include "apps/training/run_state.h"
#include "apps/training/setup.h"
#include "apps/training/training_result.h"

namespace karyon {

/// Trains `model` on the split of `set` and writes into `folder`, which is kept from the first checkpoint on; goes on
/// from `state` where there is one. Error diverged when the loss or a weight is not finite, naming the first tensor
/// whose gradient is not.
TrainingResult train(Context& context, TrainingModel& model, TrainingSet& set, const Split& split,
                     const TrainOptions& options, const std::optional<RunState>& state, OutputFolder& folder, Log& log);

}  // namespace karyon
