// The training step, timed.
// Invariant: random images, never zeros; the first steps, which make plans and fill caches, are not counted.
#pragma once

#include <string>

#include "apps/training/options.h"
#include "apps/training/setup.h"

namespace karyon {

/// Times options.bench_steps steps; returns the last line, "images/s median M best B". With a profile enabled in the
/// context its table covers the same steps.
std::string bench_training(Context& context, TrainingModel& model, const TrainOptions& options);

}  // namespace karyon
