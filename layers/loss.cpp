#include "layers/loss.h"

namespace karyon {

Loss softmax_cross_entropy(Context& context, const Tensor& logits, const std::uint8_t* labels, bool with_gradient) {
  const ProfileScope scope(context.profile(), "softmax_xent");
  Loss loss;
  if (with_gradient) loss.dlogits = Tensor::empty(context, logits.shape());
  ON_DEVICE(softmax_xent, context.stream(), logits.view(), labels, loss.dlogits.view(), &loss.counts);
  return loss;
}

}  // namespace karyon
