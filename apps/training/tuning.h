// How nuclei are told apart, settled on validation pictures at their own sizes, and what int8 inference needs to know
// of the network's activations there.
// Invariant: a function of the network, the pictures and where one starts from alone. What is chosen is never worse on
// these pictures than that start, by the Data Science Bowl's score; values within noise of it are not taken.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "apps/data/dataset.h"
#include "apps/inference/image_scores.h"
#include "engine/context.h"
#include "model/activation_ranges.h"
#include "weights/checkpoint.h"

namespace karyon {

struct Tuning {
  double threshold = 0, marker_threshold = 0;
  int min_area = 0;
  TotalScores scores;                  // of the pictures with these
  ActivationRanges activation_ranges;  // of the network on up to 16 of them
};

/// The picture of the validation half at this place of the training set, with its truth.
using LoadExample = std::function<Example(std::int32_t)>;

/// `model` with its tensors; pictures: places, of which evenly spread ones are taken where all would be too many to
/// hold in memory. Errors of `load`.
Tuning tune(Context& context, const Checkpoint& model, std::span<const std::int32_t> pictures, const LoadExample& load,
            int batch_size, int threads);

}  // namespace karyon
