#include "layers/loss.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace karyon {

namespace {

bool is_weight(float weight) { return std::isfinite(weight) && weight >= 0; }

void check(const LossSettings& settings, int classes) {
  const std::vector<float>& weights = settings.class_weights;
  if (!weights.empty() && static_cast<int>(weights.size()) != classes) {
    throw Error(Exit::usage, "class weights: " + std::to_string(weights.size()) + " given for " +
                                 std::to_string(classes) + " classes; give one a class, background first");
  }
  if (!std::all_of(weights.begin(), weights.end(), is_weight) ||
      (!weights.empty() && *std::max_element(weights.begin(), weights.end()) == 0)) {
    throw Error(Exit::usage, "class weights: expected numbers from 0 on, not all of them 0");
  }
  if (!is_weight(settings.dice_weight)) {
    throw Error(Exit::usage,
                "weight of the Dice term: expected a number from 0 on, got " + std::to_string(settings.dice_weight));
  }
}

}  // namespace

Tensor softmax_cross_entropy(Context& context, const Tensor& logits, const std::uint8_t* labels, bool with_gradient,
                             XentCounts* counts) {
  const ProfileScope scope(context.profile(), "softmax_xent");
  const Tensor dlogits = with_gradient ? Tensor::empty(context, logits.shape()) : Tensor();
  ON_DEVICE(softmax_xent, context.stream(), logits.view(), labels, dlogits.view(), counts);
  return dlogits;
}

Loss::Loss(Context& context, const LossSettings& settings, int classes) : dice_weight_(settings.dice_weight) {
  check(settings, classes);
  if (!settings.class_weights.empty()) class_weights_ = Tensor::from(context, {classes}, settings.class_weights);
}

Tensor Loss::operator()(Context& context, const Tensor& logits, const std::uint8_t* labels, bool with_gradient,
                        XentCounts* counts) const {
  if (plain()) return softmax_cross_entropy(context, logits, labels, with_gradient, counts);
  const ProfileScope scope(context.profile(), "segmentation_loss");
  const Tensor dlogits = with_gradient ? Tensor::empty(context, logits.shape()) : Tensor();
  ON_DEVICE(segmentation_loss, context.stream(), logits.view(), labels,
            class_weights_ ? class_weights_.data() : nullptr, dice_weight_, dlogits.view(), counts);
  return dlogits;
}

}  // namespace karyon
