#include "weights/onnx_encoder.h"

#include <algorithm>

#include "kernels/check.h"
#include "weights/numbers.h"
#include "weights/onnx_mobilenet.h"
#include "weights/onnx_names.h"

namespace karyon {

namespace {

/// What the names of nodes and tensors say about the publisher.
struct NameMarks {
  bool gluon = false;
  bool hugging_face = false;
  bool timm = false;  // unless hugging_face is true as well, whose stem holds timm's name
};

NameMarks marks_of(const OnnxGraph& graph) {
  NameMarks marks;
  const auto look_at = [&](const std::string& name) {
    const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
    marks.gluon = marks.gluon || has("mobilenetv20_features_");
    marks.hugging_face = marks.hugging_face || has("conv_stem.first_conv") || has("conv_stem/first_conv");
    marks.timm = marks.timm || has("conv_stem");
  };
  for (const OnnxNode& node : graph.nodes) look_at(node.name);
  for (const auto& [name, tensor] : graph.constants) look_at(name);
  return marks;
}

OnnxNames names_for(const NameMarks& marks, OnnxPadding padding, const std::string& source) {
  if (marks.hugging_face) return hugging_face_names();
  if (padding == OnnxPadding::same) {
    throw Error(Exit::bad_data, source +
                                    ": MobileNetV2 with SAME padding and not Hugging Face's names: an ONNX file of "
                                    "no family known here, so the scaling of its input is not known");
  }
  return marks.timm ? timm_names() : torchvision_names();
}

class Collector {
 public:
  void add(const LoadedTensor& tensor, const std::string& name) {
    tensors_.push_back(tensor);
    tensors_.back().entry.name = name;
  }

  void add(const OnnxLayer& layer, const OnnxLayerNames& names) {
    add(*layer.conv.kernel, names.conv + ".weight");
    if (!layer.batch_norm) {
      add(*layer.conv.bias, names.conv + ".bias");
      return;
    }
    add(*layer.batch_norm->scale, names.batch_norm + ".weight");
    add(*layer.batch_norm->bias, names.batch_norm + ".bias");
    add(*layer.batch_norm->mean, names.batch_norm + ".running_mean");
    add(*layer.batch_norm->variance, names.batch_norm + ".running_var");
  }

  void add(const OnnxLinear& linear, const std::string& name) {
    add(linear.weight, name + ".weight");
    if (linear.bias) add(*linear.bias, name + ".bias");
  }

  std::vector<LoadedTensor> take() { return std::move(tensors_); }

 private:
  std::vector<LoadedTensor> tensors_;
};

std::map<std::string, std::string> metadata_of(const OnnxMobileNet& network) {
  const auto& batch_norm = network.layers.front().batch_norm;
  return {{"padding", network.padding == OnnxPadding::same ? "SAME" : "symmetric 1"},
          {"activation", "relu6"},
          {"batch_norm", batch_norm ? "separate, eps " + number_text(batch_norm->epsilon) : "folded"},
          {"conv_layout", "OIHW"}};
}

}  // namespace

std::unique_ptr<Archive> read_onnx(std::span<const std::uint8_t> bytes, const std::string& source) {
  OnnxGraph graph = parse_onnx(bytes, source);
  const NameMarks marks = marks_of(graph);
  if (marks.gluon) {
    throw Error(Exit::bad_data, source +
                                    ": Gluon's MobileNetV2, another network: stride at block 10, plain ReLU; it "
                                    "would load without an error and compute nonsense");
  }
  OnnxWiring wiring(std::move(graph), source);
  const OnnxMobileNet network = find_mobilenet_v2(wiring);
  const OnnxNames names = names_for(marks, network.padding, source);
  Collector collector;
  for (const OnnxLayer& layer : network.layers) {
    collector.add(layer, layer.is_last ? names.last : names.layer(layer.role, layer.block));
  }
  if (network.classifier) collector.add(*network.classifier, names.classifier);
  return std::make_unique<LoadedArchive>("onnx", source, collector.take(), metadata_of(network));
}

}  // namespace karyon
