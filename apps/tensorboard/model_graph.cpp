#include "apps/tensorboard/model_graph.h"

#include <algorithm>
#include <map>
#include <vector>

#include <apps/tensorboard/event.pb.h>

#include "kernels/check.h"

namespace karyon {

namespace {

using tensorboard::NodeDef;

constexpr int kEncoderBlocks = 17;
constexpr int kProducer = 22;  // the version of GraphDef that has all of these operations; PyTorch writes the same

/// "block_3_expand_BN" becomes "encoder/block_3/expand_BN".
std::string scoped(const std::string& name) {
  if (name == "input") return name;
  if (name == "head") return "head/conv_transpose";
  if (name.find('/') != std::string::npos) return "decoder/" + name;
  for (int i = 0; i < kEncoderBlocks; ++i) {
    const std::string block = block_name(i);
    if (name.starts_with(block + "_")) return "encoder/" + block + "/" + name.substr(block.size() + 1);
  }
  return "encoder/" + name;
}

/// TensorFlow's operation for the summary's type.
const char* operation(const std::string& type) {
  static const std::map<std::string, const char*> kOperations{{"Input", "Placeholder"},
                                                              {"Conv2D", "Conv2D"},
                                                              {"DepthwiseConv2D", "DepthwiseConv2dNative"},
                                                              {"BatchNormalization", "FusedBatchNormV3"},
                                                              {"ReLU6", "Relu6"},
                                                              {"ReLU", "Relu"},
                                                              {"Add", "Add"},
                                                              {"Conv2DTranspose", "Conv2DBackpropInput"}};
  const auto found = kOperations.find(type);
  KARYON_CHECK(found != kOperations.end(), "a layer of type " + type + " has no operation in model_graph.cpp");
  return found->second;
}

/// "a, b" as its parts.
std::vector<std::string> names(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(", ", at), list.size());
    parts.push_back(list.substr(at, end - at));
    at = end + 2;
  }
  return parts;
}

class GraphWriter {
 public:
  void row(const LayerRow& row) {
    std::vector<std::string> inputs;
    for (const std::string& name : names(row.inputs)) inputs.push_back(scoped(name));
    const std::string name = scoped(row.name);
    if (row.type == "Conv2DTranspose" && inputs.size() > 1) {
      const Size in = sizes_.at(inputs[0]);
      int channels = 0;
      for (const std::string& input : inputs) channels += sizes_.at(input).c;
      const std::string joined = name.substr(0, name.rfind('/')) + "/concat";
      node(joined, "ConcatV2", inputs, {in.h, in.w, channels});
      inputs = {joined};
    }
    node(name, operation(row.type), inputs, {row.h, row.w, row.c});
    last_ = name;
  }

  std::string finish() {
    node("head/softmax", "Softmax", {last_}, sizes_.at(last_));
    graph_.mutable_versions()->set_producer(kProducer);
    return graph_.SerializeAsString();
  }

 private:
  struct Size {
    int h, w, c;
  };

  void node(const std::string& name, const std::string& op, const std::vector<std::string>& inputs, const Size& out) {
    NodeDef& node = *graph_.add_node();
    node.set_name(name);
    node.set_op(op);
    for (const std::string& input : inputs) node.add_input(input);
    // A placeholder's own names for these two are others.
    (*node.mutable_attr())[op == "Placeholder" ? "dtype" : "T"].set_type(tensorboard::DT_FLOAT);
    tensorboard::TensorShapeProto& shape = *(*node.mutable_attr())["_output_shapes"].mutable_list()->add_shape();
    for (const int size : {-1, out.h, out.w, out.c}) shape.add_dim()->set_size(size);
    sizes_[name] = out;
  }

  tensorboard::GraphDef graph_;
  std::map<std::string, Size> sizes_;
  std::string last_;
};

}  // namespace

std::string model_graph(const ModelSummary& summary) {
  GraphWriter writer;
  for (const LayerRow& row : summary.layers) writer.row(row);
  return writer.finish();
}

}  // namespace karyon
