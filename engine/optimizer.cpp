#include "engine/optimizer.h"

#include "kernels/check.h"
#include "kernels/copy.h"

namespace karyon {

namespace {

// Every parameter begins on a cache line; the gap stays zero, so that Adam leaves it alone.
std::int64_t aligned(std::int64_t count) { return (count + 15) / 16 * 16; }

}  // namespace

ParameterBlock::ParameterBlock(Context& context, const std::vector<Tensor*>& values) {
  std::int64_t total = 0;
  for (const Tensor* value : values) total += aligned(value->size());
  if (total == 0) return;
  KARYON_CHECK(total < (std::int64_t{1} << 31), "the flat block has less than 2^31 numbers");
  values_ = Tensor::zeros(context, {static_cast<int>(total)});
  gradients_ = Tensor::zeros(context, {static_cast<int>(total)});
  std::int64_t at = 0;
  for (Tensor* value : values) {
    const Tensor place = values_.slice(at, value->shape());
    copy_on_device(context.stream(), place.data(), value->data(),
                   static_cast<std::size_t>(value->size()) * sizeof(float));
    gradient_slices_.push_back(gradients_.slice(at, value->shape()));
    *value = place;
    at += aligned(value->size());
  }
}

Adam::Adam(Context& context, ParameterBlock& block, AdamSettings settings)
    : context_(context), block_(block), settings_(settings), rate_(Tensor::zeros(context, {1})) {
  if (block.size() == 0) return;
  m_ = Tensor::zeros(context, block.values().shape());
  v_ = Tensor::zeros(context, block.values().shape());
}

void Adam::step() {
  rate_.assign(take_rates(1));
  step(rate_.data());
}

std::vector<float> Adam::take_rates(int count) {
  std::vector<float> rates(static_cast<std::size_t>(count));
  for (float& rate : rates) rate = adam_rate(settings_, ++step_);
  return rates;
}

void Adam::step(const float* rate) {
  if (block_.size() == 0) return;
  const ProfileScope scope(context_.profile(), "adam");
  ON_DEVICE(adam_step, context_.stream(), block_.size(), block_.gradients().data(), settings_, rate,
            block_.values().data(), m_.data(), v_.data());
  block_.values().mark_changed();
}

}  // namespace karyon
