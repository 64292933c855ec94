// What a training run gave.
#pragma once

#include <vector>

#include "apps/training/history.h"

namespace karyon {

struct TrainingResult {
  std::vector<EpochResult> history;
  std::size_t best = 0;      // index into history: the best of options.monitor, the first of equals
  bool interrupted = false;  // by a signal: the state is saved, the run is not at its end
};

}  // namespace karyon
