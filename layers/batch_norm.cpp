#include "layers/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/check.h"
#include "layers/initializer.h"

namespace karyon {

BatchNorm::BatchNorm(Context& context, std::string name, int channels, float epsilon, float momentum)
    : Module(std::move(name)),
      gamma{"gamma", Tensor::empty(context, {channels})},
      beta{"beta", Tensor::empty(context, {channels})},
      moving_mean{"moving_mean", Tensor::empty(context, {channels}), true},
      moving_variance{"moving_variance", Tensor::empty(context, {channels}), true},
      epsilon_(epsilon),
      momentum_(momentum) {
  for (Parameter* p : {&gamma, &moving_variance}) fill_constant(p->value, 1.0F);
  for (Parameter* p : {&beta, &moving_mean}) fill_constant(p->value, 0.0F);
  for (Parameter* p : {&gamma, &beta, &moving_mean, &moving_variance}) add(*p);
}

Tensor BatchNorm::forward(Tape& tape, const Tensor& x, Activation act) {
  KARYON_CHECK(!frozen(), "a frozen batch norm runs folded into its convolution");
  Context& context = tape.context();
  const Tensor y = Tensor::empty(context, x.shape());
  const Tensor mean = Tensor::empty(context, gamma.value.shape());
  const Tensor inv_std = Tensor::empty(context, gamma.value.shape());
  {
    const ProfileScope scope(context.profile(), "batch_norm forward");
    ON_DEVICE(batch_norm_forward, tape.stream(), x.view(), gamma.value.data(), beta.value.data(), epsilon_, momentum_,
              act, y.view(), mean.data(), inv_std.data(), moving_mean.value.data(), moving_variance.value.data());
  }
  moving_mean.value.mark_changed();
  moving_variance.value.mark_changed();
  const char* op = "batch_norm";
  tape.record(op, {x, gamma.value, beta.value}, y,
              [&tape, act, saved_x = Saved(x, op, "x"), saved_gamma = Saved(gamma.value, op, "gamma"),
               saved_beta = Saved(beta.value, op, "beta"), mean, inv_std](Gradients& g) {
                const ProfileScope scope(tape.context().profile(), "batch_norm backward");
                const Shape& channels = saved_gamma.get().shape();
                const Tensor dgamma = g.needs(1) ? g.destination(1) : Tensor::empty(tape.context(), channels);
                const Tensor dbeta = g.needs(2) ? g.destination(2) : Tensor::empty(tape.context(), channels);
                const FloatView dx = g.needs(0) ? g.destination(0).view() : FloatView();
                ON_DEVICE(batch_norm_backward, tape.stream(), g.dy().view(), saved_x.get().view(),
                          saved_gamma.get().data(), saved_beta.get().data(), mean.data(), inv_std.data(), act, dx,
                          dgamma.data(), dbeta.data());
              });
  return y;
}

void BatchNorm::inference_affine(std::vector<float>& scale, std::vector<float>& shift) const {
  const auto channels = static_cast<std::size_t>(gamma.value.size());
  scale.resize(channels);
  shift.resize(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    scale[c] = gamma.value.data()[c] / std::sqrt(moving_variance.value.data()[c] + epsilon_);
    shift[c] = beta.value.data()[c] - moving_mean.value.data()[c] * scale[c];
  }
}

void FoldedConv::assign(Context& context, const Tensor& source, std::size_t channel_dim, const BatchNorm& norm) {
  const Shape& shape = source.shape();
  KARYON_CHECK(channel_dim < shape.size() && shape[channel_dim] == norm.gamma.value.shape()[0],
               "a batch norm is folded into a convolution of other channels");
  std::vector<float> scale, shift;
  norm.inference_affine(scale, shift);
  if (!kernel) {
    kernel = Tensor::empty(context, shape);
    bias = Tensor::empty(context, {shape[channel_dim]});
  }
  std::int64_t inner = 1;
  for (std::size_t d = channel_dim + 1; d < shape.size(); ++d) inner *= shape[d];
  const std::int64_t channels = shape[channel_dim];
  for (std::int64_t i = 0; i < source.size(); ++i) {
    kernel.data()[i] = source.data()[i] * scale[static_cast<std::size_t>(i / inner % channels)];
  }
  std::copy(shift.begin(), shift.end(), bias.data());
  kernel.mark_changed();
  bias.mark_changed();
}

}  // namespace karyon
