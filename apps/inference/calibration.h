// Where the ranges of int8 inference come from: the model, or else the pictures at hand.
// Invariant: the pictures taken are evenly spread over the data set, so a set gives the same ranges always.
#pragma once

#include "apps/cli/log.h"
#include "apps/data/dataset.h"
#include "apps/inference/options.h"
#include "apps/inference/predictor.h"

namespace karyon {

/// Sets the predictor to int8 with its model's ranges. A model without them is calibrated on up to 16 pictures of the
/// data set, which the log says; those that cannot be read are passed over, and where none can, it stays as it is.
void quantise(Predictor& predictor, const Dataset& dataset, const InferOptions& options, Log& log);

}  // namespace karyon
