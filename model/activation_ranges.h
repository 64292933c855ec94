// Between which values a network's activations lie: what int8 inference needs to know beside the weights.
// Invariant: a pure function of the network, of the pictures it was shown and of how they came in batches.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "model/unet.h"

namespace karyon {

/// By layer, as an Observer names it: the lowest and the highest value that is to be represented.
using ActivationRanges = std::map<std::string, std::array<float, 2>>;

/// Watches inference in float32: unet.infer(x, meter.observer()).
class RangeMeter {
 public:
  /// Valid as long as the meter is.
  [[nodiscard]] Observer observer();
  /// Of what was seen, but for one value of ten thousand at either end: these would cost all others a part of their
  /// resolution.
  [[nodiscard]] ActivationRanges ranges() const;

 private:
  std::map<std::string, std::vector<float>> samples_;
};

}  // namespace karyon
