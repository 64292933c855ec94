// What "best" means in a run: --monitor and --min-delta.
#pragma once

#include "apps/training/history.h"
#include "apps/training/options.h"

namespace karyon {

/// The value that options.monitor names.
double monitored(const TrainOptions& options, const EpochResult& result);

/// Whether `result` is better than `best` by more than min_delta; a loss is better when it is lower.
bool is_better(const TrainOptions& options, const EpochResult& result, const EpochResult& best);

}  // namespace karyon
