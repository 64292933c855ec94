#include "model/training_step.h"

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

}  // namespace

TrainingStep::TrainingStep(Context& context, UNet& unet, AdamSettings settings)
    : context_(context),
      unet_(unet),
      trained_(trained_parameters(unet)),
      block_(context, values(trained_)),
      adam_(context, block_, settings),
      tape_(context),
      counts_(context, sizeof(XentCounts)) {
  for (std::size_t i = 0; i < trained_.size(); ++i) tape_.watch(trained_[i].parameter->value, block_.gradient(i));
  if (unet.encoder().frozen()) unet.encoder().fold(context);
}

void TrainingStep::queue_gradients(const Tensor& x, const std::uint8_t* labels, Tensor* logits) {
  LogitsAndGradient result = unet_.forward_loss(tape_, x, labels, counts_.as<XentCounts>());
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

}  // namespace karyon
