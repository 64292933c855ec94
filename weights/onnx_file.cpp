#include "weights/onnx_file.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <set>

#include <google/protobuf/io/coded_stream.h>
#include <weights/onnx.pb.h>

#include "kernels/check.h"
#include "weights/onnx_tensor.h"
#include "weights/safetensors_header.h"

namespace karyon {

namespace {

// Far above any MobileNetV2: the widest of ImageNet's has 7 million weights and under 300 nodes.
constexpr std::size_t kLargestFile = std::size_t{128} << 20;
constexpr int kMostNodes = 10'000;
constexpr int kMostTensors = 10'000;
constexpr int kMostParts = 64;  // inputs, outputs and attributes of a node
constexpr std::size_t kLongestOp = 64;
constexpr std::int64_t kFirstOpset = 7;
constexpr std::int64_t kLastOpset = 23;

bool is_own_domain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

template <typename Number>
LoadedTensor tensor_of(const std::vector<Number>& values, ArchiveType type, bool is_scalar) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(Number));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  std::vector<std::int64_t> shape;
  if (!is_scalar) shape.push_back(static_cast<std::int64_t>(values.size()));
  return {{"", type, shape}, std::move(bytes)};
}

class Parser {
 public:
  explicit Parser(const std::string& source) : source_(source) {}

  OnnxGraph parse(std::span<const std::uint8_t> bytes) {
    onnx::ModelProto model;
    if (bytes.size() > kLargestFile) fail("has " + std::to_string(bytes.size()) + " bytes, more than the 128 MB read");
    google::protobuf::io::CodedInputStream input(bytes.data(), static_cast<int>(bytes.size()));
    input.SetTotalBytesLimit(static_cast<int>(bytes.size()));
    if (!model.ParseFromCodedStream(&input) || !input.ConsumedEntireMessage()) {
      fail("not an ONNX file, or one cut short: it is no message of ONNX's schema");
    }
    if (!model.has_graph()) fail("not an ONNX file: it holds no graph");
    if (model.training_info_size() != 0) fail("holds training_info, which is not read");
    if (model.functions_size() != 0) fail("holds functions, which are not read; export with them inlined");
    read_opset(model);
    read_tensors(model.graph());
    read_inputs(model.graph());
    read_nodes(model.graph());
    return std::move(graph_);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const { throw Error(Exit::bad_data, source_ + ": " + message); }

  void read_opset(const onnx::ModelProto& model) {
    bool found = false;
    for (const auto& opset : model.opset_import()) {
      if (!is_own_domain(opset.domain())) continue;  // a node of another domain is refused where it stands
      if (found) fail("names the version of ONNX's operators twice");
      found = true;
      graph_.opset = opset.version();
    }
    if (!found) fail("does not name the version of ONNX's operators (opset)");
    if (graph_.opset < kFirstOpset || graph_.opset > kLastOpset) {
      fail("is of opset " + std::to_string(graph_.opset) + ", expected " + std::to_string(kFirstOpset) + " to " +
           std::to_string(kLastOpset));
    }
  }

  void define(const std::string& value) {
    if (!values_.insert(value).second) fail("the value " + printable(value) + " is defined twice");
  }

  void read_tensors(const onnx::GraphProto& graph) {
    if (graph.sparse_initializer_size() != 0) fail("holds sparse initialisers, which are not read");
    if (graph.initializer_size() > kMostTensors) fail("has more than 10000 initialisers");
    for (const auto& proto : graph.initializer()) {
      if (proto.name().empty()) fail("has an initialiser without a name");
      define(proto.name());
      graph_.constants.emplace(proto.name(), read_onnx_tensor(proto, proto.name(), source_));
    }
  }

  void read_inputs(const onnx::GraphProto& graph) {
    if (graph.input_size() > kMostTensors) fail("has more than 10000 inputs");
    for (const auto& input : graph.input()) {
      // Before IR version 4 initialisers were listed as inputs too.
      if (graph_.constants.contains(input.name())) continue;
      if (input.name().empty()) fail("has an input without a name");
      define(input.name());
      graph_.inputs.push_back(input.name());
    }
  }

  void read_nodes(const onnx::GraphProto& graph) {
    if (graph.node_size() > kMostNodes) fail("has more than 10000 nodes");
    for (const auto& proto : graph.node()) {
      OnnxNode node = read_node(proto);
      for (const std::string& input : node.inputs) {
        if (input.empty() || values_.contains(input)) continue;
        fail(described(node) + " reads " + printable(input) + ", which nothing before it gives");
      }
      for (const std::string& output : node.outputs) {
        if (!output.empty()) define(output);
      }
      if (node.op == "Constant") {
        add_constant(node);
      } else {
        graph_.nodes.push_back(std::move(node));
      }
    }
  }

  OnnxNode read_node(const onnx::NodeProto& proto) {
    const std::string& op = proto.op_type();
    const auto is_plain = [](unsigned char letter) { return letter < 0x80 && std::isalnum(letter) != 0; };
    if (op.empty() || op.size() > kLongestOp || !std::ranges::all_of(op, is_plain)) {
      fail("the node " + printable(proto.name()) + " has the op " + printable(op) + ", expected letters and digits");
    }
    OnnxNode node{op, proto.name(), {}, {}, {}};
    if (!is_own_domain(proto.domain())) {
      fail(described(node) + " is of the domain " + printable(proto.domain()) + ", expected ONNX's own operators");
    }
    if (proto.input_size() > kMostParts || proto.output_size() > kMostParts || proto.attribute_size() > kMostParts) {
      fail(described(node) + " has more than 64 inputs, outputs or attributes");
    }
    node.inputs.assign(proto.input().begin(), proto.input().end());
    node.outputs.assign(proto.output().begin(), proto.output().end());
    for (const auto& attribute : proto.attribute()) {
      if (!node.attributes.emplace(attribute.name(), read_attribute(attribute, node)).second) {
        fail(described(node) + " has the attribute " + printable(attribute.name()) + " twice");
      }
    }
    return node;
  }

  OnnxAttribute read_attribute(const onnx::AttributeProto& proto, const OnnxNode& node) {
    using Proto = onnx::AttributeProto;
    const std::string where = described(node) + ": attribute " + printable(proto.name());
    const bool has_graph = proto.has_g() || proto.graphs_size() != 0;
    if (has_graph || proto.type() == Proto::GRAPH || proto.type() == Proto::GRAPHS) {
      fail(where + " holds a nested graph, which is not read");
    }
    if (proto.has_ref_attr_name()) fail(where + " refers to a function's attribute, which is not read");
    switch (proto.type()) {
      case Proto::FLOAT:
        return proto.f();
      case Proto::INT:
        return proto.i();
      case Proto::STRING:
        return proto.s();
      case Proto::TENSOR:
        return read_onnx_tensor(proto.t(), node.outputs.empty() ? proto.name() : node.outputs[0], source_);
      case Proto::FLOATS:
        return std::vector<float>(proto.floats().begin(), proto.floats().end());
      case Proto::INTS:
        return std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
      default:
        fail(where + " is of the type " + Proto::AttributeType_Name(proto.type()) + ", which is not read");
    }
  }

  void add_constant(const OnnxNode& node) {
    if (node.outputs.size() != 1 || node.outputs[0].empty() || node.attributes.size() != 1) {
      fail(described(node) + " has " + std::to_string(node.outputs.size()) + " outputs and " +
           std::to_string(node.attributes.size()) + " attributes, expected one each");
    }
    graph_.constants.emplace(node.outputs[0], constant_value(node));
  }

  [[nodiscard]] LoadedTensor constant_value(const OnnxNode& node) const {
    const auto& [key, value] = *node.attributes.begin();
    if (const auto* tensor = std::get_if<LoadedTensor>(&value); key == "value" && tensor != nullptr) return *tensor;
    if (const auto* number = std::get_if<float>(&value); key == "value_float" && number != nullptr) {
      return tensor_of(std::vector{*number}, ArchiveType::f32, true);
    }
    if (const auto* number = std::get_if<std::int64_t>(&value); key == "value_int" && number != nullptr) {
      return tensor_of(std::vector{*number}, ArchiveType::i64, true);
    }
    if (const auto* list = std::get_if<std::vector<float>>(&value); key == "value_floats" && list != nullptr) {
      return tensor_of(*list, ArchiveType::f32, false);
    }
    if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value); key == "value_ints" && list != nullptr) {
      return tensor_of(*list, ArchiveType::i64, false);
    }
    fail(described(node) + " has its value in " + printable(key) + ", a form that is not read");
  }

  const std::string& source_;
  OnnxGraph graph_;
  std::set<std::string> values_;  // defined so far
};

}  // namespace

OnnxGraph parse_onnx(std::span<const std::uint8_t> bytes, const std::string& source) {
  return Parser(source).parse(bytes);
}

std::string described(const OnnxNode& node) {
  const std::string& name = node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name;
  return node.op + " " + printable(name);
}

}  // namespace karyon
