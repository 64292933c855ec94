#include "weights/onnx_wiring.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "kernels/check.h"
#include "weights/safetensors_header.h"

namespace karyon {

namespace {

constexpr std::array<std::string_view, 13> kLayerOps{"Conv",       "BatchNormalization",
                                                     "Clip",       "Pad",
                                                     "Add",        "GlobalAveragePool",
                                                     "ReduceMean", "Flatten",
                                                     "Reshape",    "Gemm",
                                                     "MatMul",     "Squeeze",
                                                     "Softmax"};
constexpr std::array<std::string_view, 2> kAliasOps{"Identity", "Dropout"};  // as they act outside training
constexpr std::array<std::string_view, 5> kShapeOps{"Shape", "Gather", "Unsqueeze", "Concat", "Cast"};

template <typename List>
bool contains(const List& list, std::string_view op) {
  return std::ranges::find(list, op) != list.end();
}

}  // namespace

OnnxWiring::OnnxWiring(OnnxGraph graph, std::string source) : graph_(std::move(graph)), source_(std::move(source)) {
  check_ops();
  if (graph_.inputs.size() != 1) fail("has " + std::to_string(graph_.inputs.size()) + " inputs, expected one image");
  drop_aliases();
  drop_shape_nodes();
  for (const OnnxNode& node : graph_.nodes) {
    for (const std::string& input : std::set<std::string>(node.inputs.begin(), node.inputs.end())) {
      readers_[input].push_back(&node);
    }
  }
}

void OnnxWiring::check_ops() const {
  for (const OnnxNode& node : graph_.nodes) {
    if (node.op == "Relu") {
      fail(described(node) + ": plain ReLU is that of Gluon's MobileNetV2, another network; expected ReLU6 (Clip)");
    }
    if (!contains(kLayerOps, node.op) && !contains(kAliasOps, node.op) && !contains(kShapeOps, node.op)) {
      fail(described(node) + ": the operator " + node.op + " has no place in MobileNetV2");
    }
    if (node.outputs.empty() || node.outputs[0].empty() || node.inputs.empty()) {
      fail(described(node) + " lacks inputs or outputs");
    }
  }
}

void OnnxWiring::drop_aliases() {
  std::map<std::string, std::string> origins;
  for (OnnxNode& node : graph_.nodes) {
    for (std::string& input : node.inputs) {
      if (const auto origin = origins.find(input); origin != origins.end()) input = origin->second;
    }
    if (contains(kAliasOps, node.op)) origins[node.outputs[0]] = node.inputs[0];
  }
  std::erase_if(graph_.nodes, [](const OnnxNode& node) { return contains(kAliasOps, node.op); });
}

void OnnxWiring::drop_shape_nodes() {
  std::set<std::string> shapes;
  for (const OnnxNode& node : graph_.nodes) {
    if (!contains(kShapeOps, node.op)) continue;
    const auto is_known = [&](const std::string& input) {
      return input.empty() || shapes.contains(input) || graph_.constants.contains(input);
    };
    if (node.op != "Shape" && !std::ranges::all_of(node.inputs, is_known)) {
      fail(described(node) + " works on the image's values; in MobileNetV2 only shapes are computed so");
    }
    shapes.insert(node.outputs[0]);
  }
  std::erase_if(graph_.nodes, [](const OnnxNode& node) { return contains(kShapeOps, node.op); });
}

const std::vector<const OnnxNode*>& OnnxWiring::readers(const std::string& value) const {
  static const std::vector<const OnnxNode*> kNone;
  const auto found = readers_.find(value);
  return found == readers_.end() ? kNone : found->second;
}

const LoadedTensor* OnnxWiring::constant(const OnnxNode& node, std::size_t input) const {
  if (input >= node.inputs.size()) return nullptr;
  const auto found = graph_.constants.find(node.inputs[input]);
  return found == graph_.constants.end() ? nullptr : &found->second;
}

void OnnxWiring::check_all_taken() const {
  for (const OnnxNode& node : graph_.nodes) {
    if (!taken_.contains(&node)) fail(described(node) + " is no part of MobileNetV2");
  }
}

void OnnxWiring::fail(const std::string& message) const { throw Error(Exit::bad_data, source_ + ": " + message); }

}  // namespace karyon
