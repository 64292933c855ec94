// The network's table cut into the stages of a U.
// Invariant: every layer but the input belongs to one stage, in order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/summary.h"

namespace karyon {

struct Stage {
  std::string name, first_layer;
  int layers = 0;
  int h = 0, w = 0, c = 0;  // of the stage's output
  std::int64_t parameters = 0, multiply_adds = 0;
  bool frozen = false;
};

struct Stages {
  /// From the image down. All but the last are where a skip starts, and have its layer's name.
  std::vector<Stage> encoder;
  /// From the deepest up to the head: each begins with a transposed convolution, whose name up to the '/' it has. The
  /// one at [k] (k > 0) takes encoder[size - 1 - k] as its skip.
  std::vector<Stage> decoder;
};

/// Error internal when the decoder has not as many stages as the encoder.
Stages stages_of(const ModelSummary& summary);

}  // namespace karyon
