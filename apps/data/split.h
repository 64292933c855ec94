// The division of a training set into a training and a validation half, written down so that it can be used again.
// Invariant: every example named is in exactly one half, both halves are in ascending order and not empty; the division
// is a function of (count, share, seed) alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/data/training_set.h"

namespace karyon {

struct Split {
  std::uint64_t seed = 0;
  std::vector<std::int32_t> train, validation;  // indices into the training set
};

/// round(count * val_split) examples go to validation. Error usage, naming the counts, when either half would be empty
/// or val_split is not between 0 and 1.
Split make_split(std::size_t count, double val_split, std::uint64_t seed);

/// The text of split.json: the seed, and for each half the ids with the SHA-256 of their images.
std::string split_to_json(const Split& split, const TrainingSet& set);

/// The same halves of a set loaded again, perhaps with more examples (which belong to neither half). `name` is what
/// messages call the text. Error bad_data when it is no such JSON, when ids are missing from the set or named twice, or
/// when an image changed since.
Split split_from_json(std::string_view text, const std::string& name, const TrainingSet& set);

/// Pairs (training id, validation id) of images that are byte for byte the same: what leaks from one half to the other.
std::vector<std::pair<std::string, std::string>> find_leaks(const Split& split, const TrainingSet& set);

}  // namespace karyon
