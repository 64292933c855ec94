#include "layers/loss.h"

namespace karyon {

Tensor softmax_cross_entropy(Context& context, const Tensor& logits, const std::uint8_t* labels, bool with_gradient,
                             XentCounts* counts) {
  const ProfileScope scope(context.profile(), "softmax_xent");
  const Tensor dlogits = with_gradient ? Tensor::empty(context, logits.shape()) : Tensor();
  ON_DEVICE(softmax_xent, context.stream(), logits.view(), labels, dlogits.view(), counts);
  return dlogits;
}

}  // namespace karyon
