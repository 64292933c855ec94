// Keras's training steps repeated by Karyon, on request with input noise of the size of rounding errors.
// Invariant: without noise the result is what Karyon computes; with noise it is what Karyon could as well have computed
// had its sums been rounded differently. The same seeds give the same numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/keras_reference.h"

namespace karyon {

/// The noise on image b of step s: the seed [s][b], 0 for none.
using RoundingSeeds = std::vector<std::vector<std::uint32_t>>;
RoundingSeeds no_rounding(const KerasReference& reference);

enum class FirstUpdate {
  own,        // Karyon's gradients
  reference,  // the file's: Adam's first update is a sign, which rounding turns over where a gradient is nearly zero
};

/// Everything that can stand in such a file, by its name there; of a replay of `steps` = 1, what step 1 gives.
/// Error bad_data when the initial weights do not fit the network or a gradient that is to be used does not stand in
/// the file.
Results replay_training(const KerasReference& reference, FirstUpdate first_update, const RoundingSeeds& seeds,
                        int steps, Device device = {});

}  // namespace karyon
