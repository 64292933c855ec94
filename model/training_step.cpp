#include "model/training_step.h"

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
      tape_(context) {
  for (std::size_t i = 0; i < trained_.size(); ++i) tape_.watch(trained_[i].parameter->value, block_.gradient(i));
  if (unet.encoder().frozen()) unet.encoder().fold(context);
}

XentCounts TrainingStep::compute_gradients(const Tensor& x, const std::uint8_t* labels, Tensor* logits) {
  const Tensor result = unet_.forward(tape_, x);
  Loss loss = softmax_cross_entropy(context_, result, labels, true);
  if (logits != nullptr) *logits = result;
  tape_.backward(result, std::move(loss.dlogits));
  return loss.counts;
}

}  // namespace karyon
