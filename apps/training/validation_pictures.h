// The pictures of a run at their own sizes, once more.
// Invariant: the same pictures that the training set was made from, by their ids.
#pragma once

#include "apps/data/training_set.h"
#include "apps/training/options.h"
#include "apps/training/tuning.h"

namespace karyon {

/// Loads examples of `set`, which was made by these options and must outlive the result. Errors of Dataset, and
/// no_input for a picture that is no longer there.
LoadExample validation_loader(const TrainOptions& options, const TrainingSet& set);

}  // namespace karyon
