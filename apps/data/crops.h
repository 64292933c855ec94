// Squares cut out of pictures at their own scale, which training sees instead of whole pictures made smaller.
// Invariant: a crop is a function of (seed, epoch, the picture's place in the set) alone; of a picture smaller than the
// square all is seen, in the middle, and the rest is its reflection.
#pragma once

#include <cstdint>
#include <span>

#include "apps/data/training_set.h"

namespace karyon {

/// Overwrites images and labels of the examples `indices` of a set that has its originals (TrainingSet::originals) with
/// new crops, everywhere in the picture equally likely. epoch is from 1.
void draw_crops(TrainingSet& set, std::span<const std::int32_t> indices, std::uint64_t seed, std::uint32_t epoch);

/// The same of one example, from the picture's middle.
void cut_middle(TrainingSet& set, std::size_t index);

}  // namespace karyon
