#include "layers/batch_norm.h"

#include "kernels/check.h"
#include "kernels/fold.h"

namespace karyon {

BatchNorm::BatchNorm(Context& context, std::string name, int channels, float epsilon, float momentum)
    : Module(std::move(name)),
      gamma{"gamma", Tensor::empty(context, {channels})},
      beta{"beta", Tensor::empty(context, {channels})},
      moving_mean{"moving_mean", Tensor::empty(context, {channels}), true},
      moving_variance{"moving_variance", Tensor::empty(context, {channels}), true},
      epsilon_(epsilon),
      momentum_(momentum) {
  for (Parameter* p : {&gamma, &moving_variance}) p->value.fill(1.0F);
  for (Parameter* p : {&beta, &moving_mean}) p->value.fill(0.0F);
  for (Parameter* p : {&gamma, &beta, &moving_mean, &moving_variance}) add(*p);
}

Tensor BatchNorm::forward(Tape& tape, const Tensor& x, Activation act) {
  KARYON_CHECK(!frozen(), "a frozen batch norm runs folded into its convolution");
  Context& context = tape.context();
  const Tensor y = Tensor::empty(context, x.shape(), x.type());
  const Tensor mean = Tensor::empty(context, gamma.value.shape());
  const Tensor inv_std = Tensor::empty(context, gamma.value.shape());
  {
    const ProfileScope scope(context.profile(), "batch_norm forward");
    with_type(x.type(), [&]<class T>() {
      ON_DEVICE_AS((T), batch_norm_forward, tape.stream(), x.view<T>(), gamma.value.data(), beta.value.data(), epsilon_,
                   momentum_, act, y.view<T>(), mean.data(), inv_std.data(), moving_mean.value.data(),
                   moving_variance.value.data());
    });
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
                const Tensor dx = g.needs(0) ? g.destination(0) : Tensor();
                with_type(g.dy().type(), [&]<class T>() {
                  ON_DEVICE_AS((T), batch_norm_backward, tape.stream(), g.dy().view<T>(), saved_x.get().view<T>(),
                               saved_gamma.get().data(), saved_beta.get().data(), mean.data(), inv_std.data(), act,
                               dx.view<T>(), dgamma.data(), dbeta.data());
                });
              });
  return y;
}

void FoldedConv::assign(Context& context, const Tensor& source, std::size_t channel_dim, const BatchNorm& norm) {
  const Shape& shape = source.shape();
  KARYON_CHECK(channel_dim < shape.size() && shape[channel_dim] == norm.gamma.value.shape()[0],
               "a batch norm is folded into a convolution of other channels");
  if (!kernel) {
    kernel = Tensor::empty(context, shape);
    bias = Tensor::empty(context, {shape[channel_dim]});
  }
  std::int64_t outer = 1, inner = 1;
  for (std::size_t d = 0; d < channel_dim; ++d) outer *= shape[d];
  for (std::size_t d = channel_dim + 1; d < shape.size(); ++d) inner *= shape[d];
  ON_DEVICE(fold_batch_norm, context.stream(), outer, shape[channel_dim], inner, source.data(), norm.gamma.value.data(),
            norm.beta.value.data(), norm.moving_mean.value.data(), norm.moving_variance.value.data(), norm.epsilon(),
            kernel.data(), bias.data());
  kernel.mark_changed();
  bias.mark_changed();
}

}  // namespace karyon
