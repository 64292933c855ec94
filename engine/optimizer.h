// Adam over one flat block.
// Invariant: values, gradients and both moments of all trained parameters are one block each, so a step is one kernel
// and a checkpoint of the state is three arrays.
#pragma once

#include <vector>

#include "engine/tensor.h"
#include "kernels/adam.h"

namespace karyon {

/// The flat block: parameters in the order they were added.
class ParameterBlock {
 public:
  /// Moves the given values, in order, into one block; they become slices of it, their numbers kept.
  ParameterBlock(Context& context, const std::vector<Tensor*>& values);
  [[nodiscard]] std::int64_t size() const { return values_ ? values_.size() : 0; }
  [[nodiscard]] const Tensor& values() const { return values_; }
  [[nodiscard]] const Tensor& gradients() const { return gradients_; }
  /// The gradient of the i-th value, a slice of gradients().
  [[nodiscard]] const Tensor& gradient(std::size_t i) const { return gradient_slices_[i]; }

 private:
  Tensor values_, gradients_;
  std::vector<Tensor> gradient_slices_;
};

class Adam {
 public:
  Adam(Context& context, ParameterBlock& block, AdamSettings settings);
  /// One update from the block's gradients.
  void step();
  /// The step sizes of the next `count` updates, which are counted as taken: for step(rate).
  std::vector<float> take_rates(int count);
  /// An update, queued, with the step size that lies at `rate` in device memory when it runs.
  void step(const float* rate);
  [[nodiscard]] std::int64_t steps() const { return step_; }
  AdamSettings& settings() { return settings_; }

 private:
  Context& context_;
  ParameterBlock& block_;
  AdamSettings settings_;
  Tensor m_, v_;
  Tensor rate_;  // of step()
  std::int64_t step_ = 0;
};

}  // namespace karyon
