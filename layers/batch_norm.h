// Batch normalisation as a module, and its folding into the convolution before it.
// Invariant: training uses and moves the statistics of the batch; inference never sees this op: there it is folded.
#pragma once

#include "kernels/batch_norm.h"
#include "layers/module.h"

namespace karyon {

class BatchNorm final : public Module {
 public:
  /// momentum and epsilon as Keras means them (kernels/batch_norm.h). gamma 1, beta 0, mean 0, variance 1 at first.
  BatchNorm(Context& context, std::string name, int channels, float epsilon, float momentum);

  /// y = act(batch norm of x in training mode); moves the moving statistics. Refuses when frozen.
  Tensor forward(Tape& tape, const Tensor& x, Activation act);

  [[nodiscard]] float epsilon() const { return epsilon_; }
  Parameter gamma, beta, moving_mean, moving_variance;

 private:
  float epsilon_, momentum_;
};

/// A convolution with its batch norm multiplied in.
struct FoldedConv {
  Tensor kernel, bias;
  /// Writes kernel * scale[channel] and shift; channel is the dimension `channel_dim` of the kernel. Reuses its memory.
  void assign(Context& context, const Tensor& source, std::size_t channel_dim, const BatchNorm& norm);
};

}  // namespace karyon
