// Where the ranges of int8 inference come from: the model, or else the pictures at hand.
// Invariant: the pictures taken are evenly spread over the data set, so a set gives the same ranges always.
#pragma once

#include "apps/cli/log.h"
#include "apps/data/dataset.h"
#include "apps/inference/options.h"
#include "apps/inference/predictor.h"

namespace karyon {

constexpr std::size_t kCalibrationPictures = 16;  // at most

/// Of the network while it sees the pictures as predict() shows them. Those that cannot be read are passed over; empty
/// where none can.
ActivationRanges measure_ranges(Predictor& predictor, const Dataset& dataset, Normalise normalise,
                                const PredictSettings& settings);

/// Sets the predictor to int8 with its model's ranges, or for a model without them with those of measure_ranges(),
/// which the log says. Where no picture can be read it stays as it is.
void quantise(Predictor& predictor, const Dataset& dataset, const InferOptions& options, Log& log);

}  // namespace karyon
