#include "apps/export/onnx_model.h"

#include <array>
#include <string>

#include <weights/onnx.pb.h>

#include "apps/export/onnx_graph.h"
#include "apps/models/class_names.h"
#include "kernels/check.h"
#include "weights/numbers.h"

namespace karyon {

namespace {

constexpr int kIrVersion = 7;  // of the file's format: the one that belongs to the opset

/// The tensor with its axes in another order: axis k of the result is axis order[k] of the source.
std::vector<float> permuted(const Tensor& tensor, const std::array<std::size_t, 4>& order) {
  const std::vector<float> source = tensor.to_vector();
  const Shape& shape = tensor.shape();
  std::array<std::size_t, 4> strides{}, extents{}, steps{};
  std::size_t stride = 1;
  for (std::size_t k = 4; k-- > 0; stride *= static_cast<std::size_t>(shape[k])) strides[k] = stride;
  for (std::size_t k = 0; k < 4; ++k) {
    extents[k] = static_cast<std::size_t>(shape[order[k]]);
    steps[k] = strides[order[k]];
  }
  std::vector<float> result;
  result.reserve(source.size());
  for (std::size_t a = 0; a < extents[0]; ++a) {
    for (std::size_t b = 0; b < extents[1]; ++b) {
      for (std::size_t c = 0; c < extents[2]; ++c) {
        for (std::size_t d = 0; d < extents[3]; ++d) {
          result.push_back(source[a * steps[0] + b * steps[1] + c * steps[2] + d * steps[3]]);
        }
      }
    }
  }
  return result;
}

class NetworkWriter {
 public:
  explicit NetworkWriter(OnnxGraphWriter& graph) : graph_(graph) {
    zero_ = graph_.constant("zero", {}, {0.0F});
    six_ = graph_.constant("six", {}, {6.0F});
  }

  std::string normalise(const std::string& image, const Normalisation& n) {
    const std::string scale = graph_.constant("normalise/scale", {1, 3, 1, 1}, {n.scale, n.scale + 3});
    const std::string shift = graph_.constant("normalise/shift", {1, 3, 1, 1}, {n.shift, n.shift + 3});
    const std::string scaled = graph_.node("Mul", "normalise/scaled", {image, scale}).name();
    return graph_.node("Add", "normalise/shifted", {scaled, shift}).name();
  }

  /// The five taps, as MobileNetV2::infer computes them.
  std::vector<std::string> encode(const MobileNetV2& encoder, const std::string& x) {
    std::vector<std::string> taps;
    std::string h = unit(encoder.stem(), x);
    for (std::size_t i = 0; i < encoder.blocks().size(); ++i) {
      const MobileNetV2::Block& block = encoder.blocks()[i];
      const std::string expanded = block.expand ? unit(*block.expand, h) : h;
      if (taps.size() < kExpandTaps.size() && kExpandTaps[taps.size()] == i) taps.push_back(expanded);
      const std::string projected = unit(*block.project, unit(*block.depthwise, expanded));
      h = block.residual
              ? graph_.node("Add", "encoder/" + block_name(static_cast<int>(i)) + "_add", {projected, h}).name()
              : projected;
    }
    taps.push_back(h);
    return taps;
  }

  /// From the taps to logits, as UNet::infer.
  void decode(const UNet& unet, const std::vector<std::string>& taps) {
    std::string h = taps.back();
    for (std::size_t k = 0; k < unet.upsamplers().size(); ++k) {
      const Upsampler& up = *unet.upsamplers()[k];
      upsample(up.name() + "/conv_transpose", up.folded().kernel, up.folded().bias, h);
      const std::string active = graph_.node("Relu", up.name() + "/relu", {up.name() + "/conv_transpose"}).name();
      onnx::NodeProto& joined = graph_.node("Concat", up.name() + "/skip", {active, taps[kTaps - 2 - k]});
      OnnxGraphWriter::set_int(joined, "axis", 1);
      h = joined.name();
    }
    upsample(kOnnxOutput, unet.head_kernel(), unet.head_bias(), h);
  }

 private:
  /// A convolution with what was folded into it; ReLU6 is a Clip.
  std::string unit(const ConvUnit& unit, const std::string& x) {
    const ConvUnitSpec& spec = unit.spec();
    const std::string name = "encoder/" + spec.conv_name;
    const Tensor& kernel = unit.inference_kernel();
    // HWIO, or HWC1 for a depthwise one, whose input channels are groups of one.
    const std::array<std::size_t, 4> order =
        spec.depthwise ? std::array<std::size_t, 4>{2, 3, 0, 1} : std::array<std::size_t, 4>{3, 2, 0, 1};
    const int inputs = spec.depthwise ? 1 : spec.in;
    std::vector<std::string> operands{
        x, graph_.constant(name + "/kernel", {spec.out, inputs, spec.kernel, spec.kernel}, permuted(kernel, order))};
    if (unit.inference_bias()) {
      operands.push_back(graph_.constant(name + "/bias", {spec.out}, unit.inference_bias().to_vector()));
    }
    onnx::NodeProto& conv = graph_.node("Conv", name, operands);
    // The sides of what a stride of 2 meets are even, so that SAME comes to the same pads whatever the image's size.
    set_geometry(conv, unit.geometry(2, 2));
    OnnxGraphWriter::set_int(conv, "group", spec.depthwise ? spec.out : 1);
    if (spec.act == Activation::none) return name;
    KARYON_CHECK(spec.act == Activation::relu6, "the encoder's activation is ReLU6");
    return graph_.node("Clip", name + "_relu", {name, zero_, six_}).name();
  }

  void upsample(const std::string& name, const Tensor& kernel, const Tensor& bias, const std::string& x) {
    const Shape& hwoi = kernel.shape();
    const std::string weights =
        graph_.constant(name + "/kernel", {hwoi[3], hwoi[2], hwoi[0], hwoi[1]}, permuted(kernel, {3, 2, 0, 1}));
    const std::string shift = graph_.constant(name + "/bias", {hwoi[2]}, bias.to_vector());
    set_geometry(graph_.node("ConvTranspose", name, {x, weights, shift}), upsampling_geometry());
  }

  static void set_geometry(onnx::NodeProto& node, const ConvGeometry& g) {
    OnnxGraphWriter::set_ints(node, "kernel_shape", {g.kernel_h, g.kernel_w});
    OnnxGraphWriter::set_ints(node, "strides", {g.stride_h, g.stride_w});
    OnnxGraphWriter::set_ints(node, "pads", {g.pad.top, g.pad.left, g.pad.bottom, g.pad.right});
  }

  OnnxGraphWriter& graph_;
  std::string zero_, six_;
};

void add_metadata(onnx::ModelProto& model, const Checkpoint& c) {
  const auto add = [&model](const std::string& key, const std::string& value) {
    onnx::StringStringEntryProto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  };
  std::string names;
  for (const std::string& name : class_names(c.classes)) names += (names.empty() ? "" : ",") + name;
  add("classes", number_text(c.classes));
  add("class_names", names);
  add("threshold", number_text(c.threshold));
  add("normalisation", c.normalisation_name);
  add("encoder_family", c.encoder_family);
  add("padding", c.padding);
  add("image_size", number_text(c.image_height) + "," + number_text(c.image_width));
}

}  // namespace

std::vector<std::uint8_t> onnx_of(const UNet& unet, const Checkpoint& description) {
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.add_opset_import()->set_version(kOnnxOpset);
  model.mutable_opset_import(0)->set_domain("");
  model.set_producer_name("karyon");
  model.set_producer_version(KARYON_VERSION);
  model.set_doc_string(
      "Finds cell nuclei in microscope pictures: a U-Net with a MobileNetV2 encoder. The normalisation of pixels is "
      "part of the graph.");
  add_metadata(model, description);

  onnx::GraphProto& proto = *model.mutable_graph();
  proto.set_name("mobilenet_v2_unet");
  OnnxGraphWriter graph(proto);
  graph.input(kOnnxInput, 3, "Red, green, blue from 0 to 255, not normalised; height and width multiples of 32");
  graph.output(kOnnxOutput, description.classes, "A softmax over the classes gives their probabilities");
  NetworkWriter network(graph);
  network.decode(unet, network.encode(unet.encoder(), network.normalise(kOnnxInput, description.normalisation)));

  const std::string bytes = model.SerializeAsString();
  return {bytes.begin(), bytes.end()};
}

}  // namespace karyon
