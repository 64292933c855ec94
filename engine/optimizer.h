// Adam over one flat block: with weight decay, clipping by the gradients' norm, a moving average of the weights and a
// learning rate of the encoder's own, each off unless the settings say otherwise.
// Invariant: values, gradients, both moments and the average of all trained parameters are one block each, so a step
// is a few kernels however many parameters there are, and its state is a handful of arrays. A queued step waits for
// nothing: what changes from step to step lies in device memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/tensor.h"
#include "kernels/adam.h"
#include "kernels/gradient_norm.h"

namespace karyon {

/// The flat block: parameters in the order they were added.
class ParameterBlock {
 public:
  /// Moves the given values, in order, into one block; they become slices of it, their numbers kept.
  ParameterBlock(Context& context, const std::vector<Tensor*>& values);
  [[nodiscard]] std::int64_t size() const { return values_ ? values_.size() : 0; }
  [[nodiscard]] const Tensor& values() const { return values_; }
  [[nodiscard]] const Tensor& gradients() const { return gradients_; }
  /// How many values there are.
  [[nodiscard]] std::size_t count() const { return gradient_slices_.size(); }
  /// The gradient of the i-th value, a slice of gradients().
  [[nodiscard]] const Tensor& gradient(std::size_t i) const { return gradient_slices_[i]; }
  /// Where the i-th value begins in the block: a multiple of kAdamLine.
  [[nodiscard]] std::int64_t begin(std::size_t i) const { return begins_[i]; }

 private:
  Tensor values_, gradients_;
  std::vector<Tensor> gradient_slices_;
  std::vector<std::int64_t> begins_;
};

/// What the settings make a difference by.
struct ParameterTraits {
  bool decays = false;      // weight decay: of kernels
  bool of_encoder = false;  // the encoder's factor on the learning rate
};

/// All that the next step depends on beside the gradients; equal states go on to equal bits.
struct OptimizerState {
  /// Rates taken. An epoch's are taken when it begins: one left early has taken more than it ran.
  std::int64_t steps = 0;
  /// Flat blocks as in Adam: "values", "m", "v" and, where one is kept, "average".
  std::vector<std::pair<std::string, std::vector<float>>> arrays;
};

class Adam {
 public:
  /// traits: one a value of the block, or none where the settings do not ask.
  Adam(Context& context, ParameterBlock& block, AdamSettings settings, std::span<const ParameterTraits> traits = {});
  /// One update from the block's gradients, at the settings' learning rate.
  void step();
  /// What the next updates need, one a learning rate, bias correction applied; they are counted as taken: for
  /// step(rate).
  std::vector<AdamRate> take_rates(std::span<const float> learning_rates);
  /// An update, queued, with the rate that lies at `rate` in device memory when it runs.
  void step(const AdamRate* rate);
  /// Updates whose rates were taken so far.
  [[nodiscard]] std::int64_t steps() const { return step_; }
  AdamSettings& settings() { return settings_; }

  /// The gradients' norm in the last update, before clipping; not finite where a gradient is not. 0 without clipping.
  /// Waits.
  [[nodiscard]] double gradient_norm() const;

  /// Exchanges the block's values with their moving average, bit by bit: once for evaluation and saving, once more to
  /// go on training. What was made from the values (folded weights) has to be made anew. Needs average_decay.
  void swap_average();
  [[nodiscard]] bool swapped() const { return swapped_; }

  /// The state after all queued updates; "values" are the trained ones, also while swapped. Waits.
  [[nodiscard]] OptimizerState state() const;
  /// Puts a state back. Error bad_data, with nothing changed, where it is of another network or other settings.
  void restore(const OptimizerState& state);

 private:
  struct NamedTensor {
    std::string name;
    const Tensor* tensor;
  };
  [[nodiscard]] std::vector<NamedTensor> tensors() const;
  void make_lines(std::span<const ParameterTraits> traits);

  Context& context_;
  ParameterBlock& block_;
  AdamSettings settings_;
  Tensor m_, v_;
  Tensor average_;               // empty without average_decay
  std::optional<Buffer> lines_;  // of LineFactors, where the settings ask for them
  Buffer norm_;                  // a GradientNorm
  Buffer single_rate_;           // an AdamRate, of step()
  std::int64_t step_ = 0;
  bool swapped_ = false;
};

}  // namespace karyon
