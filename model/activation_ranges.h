// Between which values a network's activations lie: what int8 inference needs to know beside the weights.
// Invariant: a pure function of the network and of the pictures it was shown, in their order.
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
  [[nodiscard]] Observer observer();
  /// Of all that was seen.
  [[nodiscard]] ActivationRanges ranges() const;

 private:
  std::map<std::string, std::vector<float>> samples_;
};

}  // namespace karyon
