#include "engine/optimizer.h"

#include <algorithm>

#include "kernels/check.h"
#include "kernels/copy.h"
#include "kernels/moving_average.h"

namespace karyon {

namespace {

std::int64_t lines_of(std::int64_t count) { return (count + kAdamLine - 1) / kAdamLine; }

// Every parameter begins on a cache line; the gap stays zero, so that Adam leaves it alone.
std::int64_t aligned(std::int64_t count) { return lines_of(count) * kAdamLine; }

void check_settings(const AdamSettings& s) {
  KARYON_CHECK(s.weight_decay >= 0 && s.clip_norm >= 0, "weight decay and the norm to clip at are not negative");
  KARYON_CHECK(s.average_decay >= 0 && s.average_decay < 1, "an average keeps a part of itself, from 0 to below 1");
  KARYON_CHECK(s.encoder_factor > 0, "the encoder's factor is positive");
}

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
    begins_.push_back(at);
    *value = place;
    at += aligned(value->size());
  }
}

Adam::Adam(Context& context, ParameterBlock& block, AdamSettings settings, std::span<const ParameterTraits> traits)
    : context_(context),
      block_(block),
      settings_(settings),
      norm_(context, sizeof(GradientNorm)),
      single_rate_(context, sizeof(AdamRate)) {
  check_settings(settings);
  const GradientNorm none;
  upload(context.stream(), norm_.as<void>(), &none, sizeof none);
  if (block.size() == 0) return;
  m_ = Tensor::zeros(context, block.values().shape());
  v_ = Tensor::zeros(context, block.values().shape());
  if (settings.average_decay > 0) {
    average_ = Tensor::zeros(context, block.values().shape());
    copy_on_device(context.stream(), average_.data(), block.values().data(),
                   static_cast<std::size_t>(block.size()) * sizeof(float));
  }
  if (settings.weight_decay != 0 || settings.encoder_factor != 1) make_lines(traits);
}

void Adam::make_lines(std::span<const ParameterTraits> traits) {
  KARYON_CHECK(traits.size() == block_.count(), "weight decay and the encoder's factor need every parameter's traits");
  std::vector<LineFactors> lines(static_cast<std::size_t>(lines_of(block_.size())));
  for (std::size_t i = 0; i < traits.size(); ++i) {
    const float rate = traits[i].of_encoder ? settings_.encoder_factor : 1.0F;
    const auto first = lines.begin() + block_.begin(i) / kAdamLine;
    std::fill_n(first, lines_of(block_.gradient(i).size()), LineFactors{rate, traits[i].decays ? rate : 0.0F});
  }
  lines_.emplace(context_, lines.size() * sizeof(LineFactors));
  upload(context_.stream(), lines_->as<void>(), lines.data(), lines.size() * sizeof(LineFactors));
}

void Adam::step() {
  const AdamRate rate = take_rates(std::span(&settings_.learning_rate, 1))[0];
  upload(context_.stream(), single_rate_.as<void>(), &rate, sizeof rate);
  step(single_rate_.as<AdamRate>());
}

std::vector<AdamRate> Adam::take_rates(std::span<const float> learning_rates) {
  std::vector<AdamRate> rates;
  rates.reserve(learning_rates.size());
  for (const float learning_rate : learning_rates) rates.push_back(adam_rate(settings_, learning_rate, ++step_));
  return rates;
}

void Adam::step(const AdamRate* rate) {
  KARYON_CHECK(!swapped_, "training goes on from the trained weights, not from their average");
  if (block_.size() == 0) return;
  const ProfileScope scope(context_.profile(), "adam");
  Stream& stream = context_.stream();
  const float* gradients = block_.gradients().data();
  const float* factor = nullptr;
  if (settings_.clip_norm > 0) {
    ON_DEVICE(gradient_norm, stream, block_.size(), gradients, settings_.clip_norm, norm_.as<GradientNorm>());
    factor = &norm_.as<GradientNorm>()->factor;
  }
  ON_DEVICE(adam_step, stream, block_.size(), gradients, settings_, rate, factor,
            lines_ ? lines_->as<LineFactors>() : nullptr, block_.values().data(), m_.data(), v_.data());
  block_.values().mark_changed();
  if (average_) {
    ON_DEVICE(moving_average, stream, block_.size(), block_.values().data(), &rate->keep_average, average_.data());
  }
}

double Adam::gradient_norm() const {
  GradientNorm result;
  download(context_.stream(), &result, norm_.as<void>(), sizeof result);
  return result.norm;
}

void Adam::swap_average() {
  KARYON_CHECK(block_.size() == 0 || average_, "no average of the weights is kept");
  swapped_ = !swapped_;
  if (block_.size() == 0) return;
  const Stream& stream = context_.stream();
  const auto bytes = static_cast<std::size_t>(block_.size()) * sizeof(float);
  const Tensor third = Tensor::empty(context_, block_.values().shape());
  copy_on_device(stream, third.data(), block_.values().data(), bytes);
  copy_on_device(stream, block_.values().data(), average_.data(), bytes);
  copy_on_device(stream, average_.data(), third.data(), bytes);
  block_.values().mark_changed();
}

std::vector<Adam::NamedTensor> Adam::tensors() const {
  if (block_.size() == 0) return {};
  std::vector<NamedTensor> all{{"values", &block_.values()}, {"m", &m_}, {"v", &v_}};
  if (average_) all.push_back({"average", &average_});
  if (swapped_) std::swap(all.front().tensor, all.back().tensor);
  return all;
}

OptimizerState Adam::state() const {
  OptimizerState state{step_, {}};
  for (const NamedTensor& t : tensors()) state.arrays.emplace_back(t.name, t.tensor->to_vector());
  return state;
}

void Adam::restore(const OptimizerState& state) {
  const std::vector<NamedTensor> all = tensors();
  const auto fits = [](const NamedTensor& t, const auto& array) {
    return t.name == array.first && t.tensor->size() == static_cast<std::int64_t>(array.second.size());
  };
  if (state.steps < 0 || !std::equal(all.begin(), all.end(), state.arrays.begin(), state.arrays.end(), fits)) {
    throw Error(Exit::bad_data,
                "the optimizer's state is of another network or of other settings: expected the arrays values, m, v" +
                    std::string(average_ ? ", average" : "") + " of " + std::to_string(block_.size()) +
                    " numbers each; resume with the settings of the run that saved it");
  }
  for (std::size_t i = 0; i < all.size(); ++i) all[i].tensor->assign(state.arrays[i].second);
  step_ = state.steps;
}

}  // namespace karyon
