#include "weights/onnx_encoder.h"

#include <algorithm>
#include <array>

#include "kernels/check.h"
#include "weights/encoder_family.h"
#include "weights/numbers.h"
#include "weights/onnx_mobilenet.h"

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

/// The family whose names the tensors get: the exporter may have lost them, and what it folds batch norm into gets a
/// new name.
const EncoderFamily& family_of(const NameMarks& marks, OnnxPadding padding, const std::string& source) {
  if (marks.hugging_face) return encoder_family("huggingface");
  if (padding == OnnxPadding::same) {
    throw Error(Exit::bad_data, source +
                                    ": MobileNetV2 with SAME padding and not Hugging Face's names: an ONNX file of "
                                    "no family known here, so the scaling of its input is not known");
  }
  return encoder_family(marks.timm ? "timm" : "torchvision");
}

class Collector {
 public:
  void add(const LoadedTensor& tensor, const std::string& name) {
    tensors_.push_back(tensor);
    tensors_.back().entry.name = name;
  }

  void add(const OnnxLayer& layer, const EncoderFamily& family) {
    EncoderConv conv;
    conv.role = layer.role;
    conv.block = layer.block;
    add(*layer.conv.kernel, family.kernel_name(conv));
    if (!layer.batch_norm) {
      add(*layer.conv.bias, family.bias_name(conv));
      return;
    }
    const OnnxBatchNorm& norm = *layer.batch_norm;
    const std::array<const LoadedTensor*, 4> parts{norm.scale, norm.bias, norm.mean, norm.variance};
    for (std::size_t i = 0; i < parts.size(); ++i) add(*parts[i], family.norm_name(conv).append(family.norm_words[i]));
  }

  void add(const OnnxLinear& linear, const EncoderFamily& family) {
    add(linear.weight, std::string(family.classifier_kernel));
    if (linear.bias) add(*linear.bias, std::string(family.classifier_bias));
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
    throw Error(Exit::bad_data, source + ": " + std::string(kGluonsNetwork));
  }
  OnnxWiring wiring(std::move(graph), source);
  const OnnxMobileNet network = find_mobilenet_v2(wiring);
  const EncoderFamily& family = family_of(marks, network.padding, source);
  Collector collector;
  for (const OnnxLayer& layer : network.layers) collector.add(layer, family);
  if (network.classifier) collector.add(*network.classifier, family);
  return std::make_unique<LoadedArchive>("onnx", source, collector.take(), metadata_of(network));
}

}  // namespace karyon
