#include "tests/onnx_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace karyon {

namespace {

using Ints = std::vector<std::int64_t>;

class Writer {
 public:
  explicit Writer(const OnnxForm& form) : form_(form) {
    written_.model.set_ir_version(8);
    written_.model.add_opset_import()->set_version(form.opset);
    graph().add_input()->set_name("x");
  }

  OnnxWritten write() {
    std::string value = "x";
    std::size_t next = 0;
    value = layer(value, form_.convs[next++]);
    for (int block = 0; block < 17; ++block) {
      const std::string entry = value;
      const std::int64_t channels = channels_;
      for (; next < form_.convs.size() && form_.convs[next].block == block; ++next) {
        value = layer(value, form_.convs[next]);
      }
      if (stride_of(block) == 1 && channels == channels_) value = node("Add", {entry, value});
    }
    if (form_.tail != OnnxTail::nothing) value = layer(value, last_conv());
    tail(value);
    graph().add_output()->set_name(value);
    return std::move(written_);
  }

 private:
  onnx::GraphProto& graph() { return *written_.model.mutable_graph(); }

  [[nodiscard]] int stride_of(int block) const {
    return block == 1 || block == 3 || block == 13 || block == form_.halving_block ? 2 : 1;
  }

  [[nodiscard]] EncoderConv last_conv() const {
    EncoderConv conv = form_.convs.back();
    conv.role = ConvRole::expand;
    conv.inputs = channels_;
    conv.outputs = channels_ + 1;
    conv.block = 16;
    return conv;
  }

  std::string fresh() { return "v" + std::to_string(count_++); }

  std::string node(const std::string& op, const std::vector<std::string>& inputs) {
    onnx::NodeProto& added = *graph().add_node();
    added.set_op_type(op);
    for (const std::string& input : inputs) added.add_input(input);
    added.add_output(fresh());
    return added.output(0);
  }
  onnx::NodeProto& latest() { return *graph().mutable_node(graph().node_size() - 1); }

  /// A tensor of numbers that occur nowhere else.
  std::string tensor(const Ints& dims, std::vector<float>* keep = nullptr) {
    std::int64_t count = 1;
    for (const std::int64_t extent : dims) count *= extent;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = 0.001F * static_cast<float>(++numbers_);
    if (keep != nullptr) *keep = values;
    onnx::TensorProto& added = *graph().add_initializer();
    added.set_name("t" + std::to_string(graph().initializer_size()));
    added.set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t extent : dims) added.add_dims(extent);
    if (form_.lists_values) {
      added.mutable_float_data()->Add(values.begin(), values.end());
      graph().add_input()->set_name(added.name());
    } else {
      added.set_raw_data(values.data(), values.size() * sizeof(float));
    }
    return added.name();
  }

  void remember(const std::vector<float>& values) {
    auto& bytes = written_.weights.emplace_back(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
  }

  std::string weights(const Ints& dims) {
    std::vector<float> values;
    std::string name = tensor(dims, &values);
    remember(values);
    return name;
  }

  std::string constant(const Ints& dims, int type, const void* data, std::size_t size) {
    std::string name = node("Constant", {});
    onnx::AttributeProto& value = *latest().add_attribute();
    value.set_name("value");
    value.set_type(onnx::AttributeProto::TENSOR);
    value.mutable_t()->set_data_type(type);
    for (const std::int64_t extent : dims) value.mutable_t()->add_dims(extent);
    value.mutable_t()->set_raw_data(data, size);
    return name;
  }
  std::string number(float value) { return constant({}, onnx::TensorProto::FLOAT, &value, sizeof(value)); }
  std::string integers(const Ints& values) {
    return constant({static_cast<std::int64_t>(values.size())}, onnx::TensorProto::INT64, values.data(),
                    values.size() * sizeof(std::int64_t));
  }

  std::string layer(std::string value, const EncoderConv& conv) {
    const bool is_depthwise = conv.role == ConvRole::depthwise;
    const std::int64_t stride = conv.role == ConvRole::stem ? 2 : is_depthwise ? stride_of(conv.block) : 1;
    if (form_.pads == OnnxPadForm::pad_nodes) value = pad(value, conv.size, stride);
    const Ints shape{conv.outputs, is_depthwise ? 1 : conv.inputs, conv.size, conv.size};
    std::vector<std::string> inputs{value, weights(shape)};
    if (form_.is_folded) inputs.push_back(weights({conv.outputs}));
    value = node("Conv", inputs);
    if (conv.role == ConvRole::stem) latest().set_name(stem_name());
    if (is_depthwise) set_int(latest(), "group", conv.outputs);
    set_ints(latest(), "kernel_shape", {conv.size, conv.size});
    if (stride != 1) set_ints(latest(), "strides", {stride, stride});
    set_padding(conv.size, stride);
    channels_ = conv.outputs;
    if (!form_.is_folded) value = batch_norm(value);
    return conv.role == ConvRole::project ? value : relu6(value);
  }

  std::string stem_name() const {
    switch (form_.style) {
      case OnnxStyle::timm:
        return "/conv_stem/Conv";
      case OnnxStyle::hugging_face:
        return "/mobilenet_v2/conv_stem/first_conv/convolution/Conv";
      case OnnxStyle::torchvision:
        break;
    }
    return "Conv_0";
  }

  void set_padding(std::int64_t size, std::int64_t stride) {
    if (form_.pads == OnnxPadForm::same_upper) {
      set_string(latest(), "auto_pad", "SAME_UPPER");
    } else if (size == 3 && form_.pads != OnnxPadForm::pad_nodes) {
      const bool at_end = form_.pads == OnnxPadForm::same_pads && stride == 2;
      set_ints(latest(), "pads", at_end ? Ints{0, 0, 1, 1} : Ints{1, 1, 1, 1});
    }
  }

  std::string pad(const std::string& value, std::int64_t size, std::int64_t stride) {
    const std::int64_t before = size == 3 && stride == 1 ? 1 : 0;
    const std::int64_t behind = size == 3 ? 1 : 0;
    const Ints pads{0, 0, before, before, 0, 0, behind, behind};
    std::string padded;
    if (form_.opset < 11) {
      padded = node("Pad", {value});
      set_ints(latest(), "pads", pads);
    } else {
      const std::string list = integers(pads);
      padded = node("Pad", {value, list, number(0)});
    }
    set_string(latest(), "mode", "constant");
    return padded;
  }

  std::string batch_norm(const std::string& value) {
    const Ints dims{channels_};
    const std::string scale = weights(dims), bias = weights(dims), mean = weights(dims), variance = weights(dims);
    std::string result = node("BatchNormalization", {value, scale, bias, mean, variance});
    set_float(latest(), "epsilon", 1e-5F);
    return result;
  }

  std::string relu6(const std::string& value) {
    if (form_.opset < 11) {
      std::string result = node("Clip", {value});
      set_float(latest(), "min", 0);
      set_float(latest(), "max", 6);
      return result;
    }
    const std::string low = number(0), high = number(6);
    return node("Clip", {value, low, high});
  }

  /// A vector of classes-by-channels, remembered as a state dict holds it though written the other way round.
  std::string transposed_weights(std::int64_t channels) {
    std::vector<float> values;
    std::string name = tensor({channels, kClasses}, &values);
    std::vector<float> turned;
    for (std::size_t to = 0; to < kClasses; ++to) {
      for (std::size_t from = 0; from < static_cast<std::size_t>(channels); ++from) {
        turned.push_back(values[from * kClasses + to]);
      }
    }
    remember(turned);
    return name;
  }

  void tail(std::string& value) {
    if (form_.tail == OnnxTail::nothing || form_.tail == OnnxTail::last_1x1) return;
    value = node("GlobalAveragePool", {value});
    if (form_.tail == OnnxTail::conv) {
      const std::string kernel = weights({kClasses, channels_, 1, 1});
      value = node("Conv", {value, kernel, weights({kClasses})});
      value = node("Softmax", {node("Flatten", {value})});
      return;
    }
    value = flat(value);
    if (form_.tail == OnnxTail::matmul) {
      const std::string matrix = transposed_weights(channels_), bias = weights({kClasses});
      const std::string product = node("MatMul", {value, matrix});
      value = node("Add", {bias, product});
      return;
    }
    const bool is_plain = form_.tail == OnnxTail::gemm_untransposed;
    const std::string matrix = is_plain ? transposed_weights(channels_) : weights({kClasses, channels_});
    value = node("Gemm", {value, matrix, weights({kClasses})});
    if (!is_plain) set_int(latest(), "transB", 1);
  }

  /// As PyTorch 1.1 wrote x.view(x.size(0), -1), through Identity and Dropout for good measure.
  std::string flat(const std::string& value) {
    if (form_.tail != OnnxTail::gemm_untransposed) return node("Flatten", {value});
    const std::string shape = node("Shape", {value});
    const std::string zero = constant({}, onnx::TensorProto::INT64, "\0\0\0\0\0\0\0\0", 8);
    const std::string batch = node("Unsqueeze", {node("Gather", {shape, zero})});
    const std::string joined = node("Concat", {batch, integers({-1})});
    return node("Dropout", {node("Identity", {node("Reshape", {value, joined})})});
  }

  static constexpr std::size_t kClasses = 3;
  const OnnxForm& form_;
  OnnxWritten written_;
  std::int64_t channels_ = 3;
  int count_ = 0;
  int numbers_ = 0;
};

onnx::AttributeProto& fresh_attribute(onnx::NodeProto& node, const std::string& name,
                                      onnx::AttributeProto::AttributeType type) {
  auto& list = *node.mutable_attribute();
  const auto found = std::ranges::find(list, name, [](const auto& entry) { return entry.name(); });
  onnx::AttributeProto& result = found == list.end() ? *node.add_attribute() : *found;
  result.Clear();
  result.set_name(name);
  result.set_type(type);
  return result;
}

}  // namespace

std::vector<EncoderConv> tiny_convs() {
  std::vector<EncoderConv> convs = mobilenet_v2_convs(1);
  std::int64_t channels = 3;
  for (EncoderConv& conv : convs) {
    conv.inputs = channels;
    if (conv.role == ConvRole::project) channels = conv.block % 3 == 0 ? 1 : 2;
    if (conv.role == ConvRole::stem || conv.role == ConvRole::expand) channels = 2;
    conv.outputs = channels;
  }
  return convs;
}

OnnxWritten write_mobilenet(const OnnxForm& form) { return Writer(form).write(); }

std::vector<std::uint8_t> bytes_of(const onnx::ModelProto& model) {
  const std::string text = model.SerializeAsString();
  return {text.begin(), text.end()};
}

onnx::NodeProto& nth_node(onnx::ModelProto& model, const std::string& op, int n) {
  for (onnx::NodeProto& node : *model.mutable_graph()->mutable_node()) {
    if (node.op_type() == op && n-- == 0) return node;
  }
  throw std::runtime_error("the model has too few nodes of the op " + op);
}

void set_int(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
  fresh_attribute(node, name, onnx::AttributeProto::INT).set_i(value);
}

void set_ints(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values) {
  onnx::AttributeProto& attribute = fresh_attribute(node, name, onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

void set_float(onnx::NodeProto& node, const std::string& name, float value) {
  fresh_attribute(node, name, onnx::AttributeProto::FLOAT).set_f(value);
}

void set_string(onnx::NodeProto& node, const std::string& name, const std::string& value) {
  fresh_attribute(node, name, onnx::AttributeProto::STRING).set_s(value);
}

}  // namespace karyon
