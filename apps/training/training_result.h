// What a training run gave.
#pragma once

#include <optional>
#include <vector>

#include "apps/training/history.h"
#include "apps/training/tuning.h"

namespace karyon {

struct TrainingResult {
  std::vector<EpochResult> history;
  std::size_t best = 0;          // index into history: the best of options.monitor, the first of equals
  std::optional<Tuning> tuning;  // of the best epoch's network, at the end
  bool interrupted = false;      // by a signal: the state is saved, the run is not at its end
};

}  // namespace karyon
