#include "engine/tape.h"

#include <algorithm>
#include <utility>

#include "kernels/add.h"
#include "kernels/check.h"

namespace karyon {

namespace {

void add_tensors(Stream& stream, const Tensor& a, const Tensor& b, const Tensor& sum) {
  with_type(sum.type(), [&]<class T>() { ON_DEVICE_AS((T), add, stream, a.view<T>(), b.view<T>(), sum.view<T>()); });
}

}  // namespace

const Tensor& Saved::get() const {
  if (tensor_.stamp() != stamp_) {
    throw Error(Exit::internal, std::string(op_) + ": its saved tensor '" + what_ +
                                    "' was changed in place between forward and backward");
  }
  return tensor_;
}

Gradients::Gradients(Tape& tape, const std::vector<Tensor>& inputs, std::vector<bool> needs, Tensor dy)
    : tape_(tape), inputs_(inputs), needs_(std::move(needs)), dy_(std::move(dy)), results_(inputs.size()) {}

Tensor Gradients::destination(std::size_t input) {
  KARYON_CHECK(needs_[input] && !results_[input], "a gradient was asked for that is not needed, or twice");
  const auto leaf = tape_.leaves_.find(inputs_[input].id());
  // The first contribution to a parameter is written in place; a later one goes beside it and is added.
  if (leaf != tape_.leaves_.end() && !leaf->second.written) {
    leaf->second.written = true;
    results_[input] = leaf->second.gradient;
  } else {
    results_[input] = Tensor::empty(tape_.context(), inputs_[input].shape(), inputs_[input].type());
  }
  return results_[input];
}

void Gradients::give(std::size_t input, Tensor gradient) {
  KARYON_CHECK(needs_[input] && !results_[input], "a gradient was given that is not needed, or twice");
  results_[input] = std::move(gradient);
}

void Tape::watch(const Tensor& parameter, const Tensor& gradient) {
  KARYON_CHECK(parameter.shape() == gradient.shape(), "a parameter's gradient has its shape");
  leaves_[parameter.id()] = {gradient, false};
}

bool Tape::needs(const Tensor& tensor) const {
  return recording_ && tensor && (leaves_.contains(tensor.id()) || made_.contains(tensor.id()));
}

void Tape::record(const char* op, std::vector<Tensor> inputs, const Tensor& output, Backward backward) {
  if (std::none_of(inputs.begin(), inputs.end(), [&](const Tensor& t) { return needs(t); })) return;
  made_.emplace(output.id(), true);
  nodes_.push_back({op, std::move(inputs), output.id(), output.shape(), std::move(backward)});
}

void Tape::accumulate(const Node& node, const Tensor& input, const Tensor& gradient) {
  if (gradient.shape() != input.shape()) {
    throw Error(Exit::internal, std::string(node.op) + ": gradient of shape " + shape_text(gradient.shape()) +
                                    " for an input of shape " + shape_text(input.shape()));
  }
  if (const auto leaf = leaves_.find(input.id()); leaf != leaves_.end()) {
    Tensor& total = leaf->second.gradient;
    if (gradient.id() == total.id()) return;  // written in place
    if (leaf->second.written) {
      add_tensors(stream(), total, gradient, total);
    } else {  // given, not written: copy into place
      add_tensors(stream(), gradient, Tensor::zeros(context_, input.shape()), total);
    }
    leaf->second.written = true;
    total.mark_changed();
    return;
  }
  Tensor& slot = gradients_[input.id()];
  if (!slot) {
    slot = gradient;
    return;
  }
  // Never in place: the slot may share its numbers with another tensor's gradient.
  Tensor sum = Tensor::empty(context_, input.shape(), input.type());
  add_tensors(stream(), slot, gradient, sum);
  slot = std::move(sum);
}

void Tape::backward(const Tensor& output, Tensor gradient) {
  KARYON_CHECK(recording_, "this tape records nothing");
  KARYON_CHECK(gradient.shape() == output.shape(), "the first gradient has the output's shape");
  for (auto& [id, leaf] : leaves_) leaf.written = false;
  gradients_[output.id()] = std::move(gradient);
  while (!nodes_.empty()) {
    const Node node = std::move(nodes_.back());
    nodes_.pop_back();
    const auto found = gradients_.find(node.output);
    if (found == gradients_.end()) continue;  // the output does not depend on it
    Tensor dy = std::move(found->second);
    gradients_.erase(found);
    std::vector<bool> needed(node.inputs.size());
    for (std::size_t i = 0; i < node.inputs.size(); ++i) needed[i] = needs(node.inputs[i]);
    Gradients gradients(*this, node.inputs, std::move(needed), std::move(dy));
    node.backward(gradients);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (!gradients.needs_[i]) continue;
      if (!gradients.results_[i]) {
        throw Error(Exit::internal, std::string(node.op) + ": no gradient for input " + std::to_string(i));
      }
      accumulate(node, node.inputs[i], gradients.results_[i]);
    }
  }
  gradients_.clear();
  made_.clear();
  for (auto& [id, leaf] : leaves_) {
    if (!leaf.written) leaf.gradient.fill(0.0F);
  }
}

}  // namespace karyon
