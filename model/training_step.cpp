#include "model/training_step.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/copy.h"

namespace karyon {

namespace {

std::vector<NamedParameter> trained_parameters(UNet& unet) {
  std::vector<NamedParameter> trained;
  for (const NamedParameter& p : unet.parameters()) {
    if (!p.frozen && !p.parameter->is_buffer) trained.push_back(p);
  }
  return trained;
}

std::vector<Tensor*> values(const std::vector<NamedParameter>& parameters) {
  std::vector<Tensor*> result;
  result.reserve(parameters.size());
  for (const NamedParameter& p : parameters) result.push_back(&p.parameter->value);
  return result;
}

std::vector<ParameterTraits> traits(const std::vector<NamedParameter>& parameters) {
  std::vector<ParameterTraits> result;
  result.reserve(parameters.size());
  for (const NamedParameter& p : parameters) {
    result.push_back({p.path.ends_with("/kernel"), p.path.starts_with("encoder/")});
  }
  return result;
}

}  // namespace

TrainingStep::TrainingStep(Context& context, UNet& unet, AdamSettings settings, const LossSettings& loss)
    : context_(context),
      unet_(unet),
      trained_(trained_parameters(unet)),
      block_(context, values(trained_)),
      adam_(context, block_, settings, traits(trained_)),
      tape_(context),
      loss_(context, loss, unet.options().classes),
      counts_(context, sizeof(XentCounts)) {
  for (std::size_t i = 0; i < trained_.size(); ++i) tape_.watch(trained_[i].parameter->value, block_.gradient(i));
  if (unet.encoder().frozen()) unet.encoder().fold(context);
}

void TrainingStep::queue_gradients(const Tensor& x, const std::uint8_t* labels, Tensor* logits) {
  LogitsAndGradient result = unet_.forward_loss(tape_, x, labels, loss_, counts_.as<XentCounts>());
  if (logits != nullptr) *logits = result.logits;
  tape_.backward(result.logits, std::move(result.dlogits));
}

XentCounts TrainingStep::compute_gradients(const Tensor& x, const std::uint8_t* labels, Tensor* logits) {
  queue_gradients(x, labels, logits);
  XentCounts counts;
  download(context_.stream(), &counts, counts_.as<XentCounts>(), sizeof counts);
  return counts;
}

void TrainingStep::mark_changed() {
  for (const NamedParameter& p : unet_.parameters()) p.parameter->value.mark_changed();
}

std::string first_bad_gradient(const TrainingStep& step) {
  const std::vector<float> all = step.gradients().to_vector();
  for (std::size_t i = 0; i < step.trained().size(); ++i) {
    const auto first = all.begin() + step.begin(i);
    const bool finite = std::all_of(first, first + step.gradient(i).size(), [](float g) { return std::isfinite(g); });
    if (!finite) return step.trained()[i].path;
  }
  return {};
}

}  // namespace karyon
