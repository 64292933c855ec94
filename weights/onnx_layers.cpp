// Sources: the definitions of the operators in ONNX's Operators.md.
#include "weights/onnx_layers.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "weights/numbers.h"
#include "weights/onnx_attributes.h"

namespace karyon {

namespace {

using Ints = std::vector<std::int64_t>;

bool is_floating(ArchiveType type) {
  return type == ArchiveType::f32 || type == ArchiveType::f16 || type == ArchiveType::bf16 || type == ArchiveType::f64;
}

/// The constant at this input: floating point, of this rank.
const LoadedTensor& floats_at(const OnnxWiring& wiring, const OnnxNode& node, std::size_t input, std::size_t rank) {
  const LoadedTensor* tensor = wiring.constant(node, input);
  if (tensor == nullptr) {
    wiring.fail(described(node) + ": its input " + std::to_string(input) + " is no constant tensor, expected weights");
  }
  if (!is_floating(tensor->entry.type) || tensor->entry.shape.size() != rank) {
    wiring.fail(described(node) + ": tensor " + printable(tensor->entry.name) + " has the shape " +
                list_text(tensor->entry.shape) + ", expected floating point with " + std::to_string(rank) + " axes");
  }
  return *tensor;
}

/// The same, a vector of this many channels.
const LoadedTensor& vector_at(const OnnxWiring& wiring, const OnnxNode& node, std::size_t input,
                              std::int64_t channels) {
  const LoadedTensor& tensor = floats_at(wiring, node, input, 1);
  if (tensor.entry.shape[0] != channels) {
    wiring.fail(described(node) + ": tensor " + printable(tensor.entry.name) + " has the shape " +
                list_text(tensor.entry.shape) + ", expected [" + std::to_string(channels) + "]");
  }
  return tensor;
}

bool has_input(const OnnxNode& node, std::size_t input) {
  return input < node.inputs.size() && !node.inputs[input].empty();
}

/// The constant at this input, a scalar or a list of one; NaN when there is none.
float number_at(const OnnxWiring& wiring, const OnnxNode& node, std::size_t input) {
  const LoadedTensor* tensor = wiring.constant(node, input);
  if (tensor == nullptr || tensor->entry.count() != 1 || !is_floating(tensor->entry.type)) {
    return std::numeric_limits<float>::quiet_NaN();
  }
  return LoadedArchive("onnx", "number", {*tensor}, {}).read_floats(tensor->entry.name).front();
}

Ints integers_of(const LoadedTensor& tensor) {
  Ints numbers(tensor.bytes.size() / sizeof(std::int64_t));
  if (!numbers.empty()) std::memcpy(numbers.data(), tensor.bytes.data(), numbers.size() * sizeof(std::int64_t));
  return numbers;
}

/// Padding as auto_pad or pads give it, on top of a Pad node's; nullopt for TensorFlow's, which depends on the size.
std::optional<OnnxPads> own_pads(const OnnxWiring& wiring, const OnnxNode& conv) {
  const auto automatic = attribute_of<std::string>(wiring, conv, "auto_pad", "NOTSET");
  const Ints pads = ints_of(wiring, conv, "pads", Ints(4, 0));
  if (pads.size() != 4) wiring.fail(described(conv) + " has the pads " + list_text(pads) + ", expected four numbers");
  const OnnxPads numbers{pads[0], pads[1], pads[2], pads[3]};
  if (automatic == "NOTSET") return numbers;
  if (conv.attributes.contains("pads")) wiring.fail(described(conv) + " has both auto_pad and pads");
  if (automatic == "SAME_UPPER") return std::nullopt;
  if (automatic != "VALID") {
    wiring.fail(described(conv) + " has the auto_pad " + printable(automatic) + ", expected SAME_UPPER or pads");
  }
  return OnnxPads{};
}

OnnxPadding padding_of(const OnnxWiring& wiring, const OnnxNode& conv, const OnnxConv& form, const OnnxPads& padded) {
  const std::optional<OnnxPads> own = own_pads(wiring, conv);
  if (!own && padded != OnnxPads{}) wiring.fail(described(conv) + " is padded twice, by Pad and by auto_pad");
  if (!own) return form.stride == 1 ? OnnxPadding::either : OnnxPadding::same;
  Ints pads(4);
  for (std::size_t side = 0; side < 4; ++side) {
    // Any sum that overflows is no padding of MobileNetV2 either.
    if (__builtin_add_overflow((*own)[side], padded[side], &pads[side])) pads[side] = -1;
  }
  if (form.size == 1 && pads == Ints{0, 0, 0, 0}) return OnnxPadding::either;
  if (form.size == 3 && pads == Ints{1, 1, 1, 1}) {
    return form.stride == 1 ? OnnxPadding::either : OnnxPadding::symmetric;
  }
  if (form.size == 3 && form.stride == 2 && pads == Ints{0, 0, 1, 1}) return OnnxPadding::same;
  wiring.fail(described(conv) + " has the padding " + list_text(pads) + ", expected " +
              (form.size == 1 ? "none" : "1 on every side, or [0, 0, 1, 1] at stride 2"));
}

/// Swaps the two axes of a matrix.
LoadedTensor transposed(const LoadedTensor& tensor) {
  const auto rows = static_cast<std::size_t>(tensor.entry.shape[0]);
  const auto columns = static_cast<std::size_t>(tensor.entry.shape[1]);
  const std::size_t size = element_size(tensor.entry.type);
  if (tensor.bytes.empty()) return {{tensor.entry.name, tensor.entry.type, {0, 0}}, {}};
  LoadedTensor result{tensor.entry, std::vector<std::uint8_t>(tensor.bytes.size())};
  result.entry.shape = {tensor.entry.shape[1], tensor.entry.shape[0]};
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column) {
      std::memcpy(result.bytes.data() + (column * rows + row) * size,
                  tensor.bytes.data() + (row * columns + column) * size, size);
    }
  }
  return result;
}

OnnxLinear gemm_of(const OnnxWiring& wiring, const OnnxNode& node) {
  const bool is_plain = attribute_of(wiring, node, "alpha", 1.0F) == 1 &&
                        attribute_of(wiring, node, "beta", 1.0F) == 1 && int_of(wiring, node, "transA", 0) == 0;
  if (!is_plain) wiring.fail(described(node) + " scales or transposes its input, expected alpha = beta = 1, transA 0");
  const LoadedTensor& matrix = floats_at(wiring, node, 1, 2);
  OnnxLinear linear{int_of(wiring, node, "transB", 0) == 0 ? transposed(matrix) : matrix, std::nullopt};
  if (has_input(node, 2)) linear.bias = vector_at(wiring, node, 2, linear.weight.entry.shape[0]);
  return linear;
}

OnnxLinear product_of(const OnnxWiring& wiring, const OnnxNode& node, const OnnxNode* sum) {
  OnnxLinear linear{transposed(floats_at(wiring, node, 1, 2)), std::nullopt};
  if (sum != nullptr) {
    const std::size_t bias = !sum->inputs.empty() && sum->inputs[0] == node.outputs[0] ? 1 : 0;
    linear.bias = vector_at(wiring, *sum, bias, linear.weight.entry.shape[0]);
  }
  return linear;
}

OnnxLinear pointwise_of(const OnnxWiring& wiring, const OnnxNode& node) {
  const OnnxConv conv = conv_of(wiring, node, {});
  if (conv.size != 1 || conv.group != 1) wiring.fail(described(node) + " is no 1x1 convolution, expected a classifier");
  OnnxLinear linear{*conv.kernel, std::nullopt};
  linear.weight.entry.shape = {conv.outputs, conv.inputs};
  if (conv.bias != nullptr) linear.bias = *conv.bias;
  return linear;
}

}  // namespace

OnnxPads pads_of(const OnnxWiring& wiring, const OnnxNode& pad) {
  constexpr std::int64_t kPadsAreInputs = 11;
  const bool as_inputs = wiring.opset() >= kPadsAreInputs;
  const auto refuse = [&] {
    wiring.fail(described(pad) + ": expected zeros in constant numbers, on rows and columns alone");
  };
  Ints pads = ints_of(wiring, pad, "pads", {});
  float value = attribute_of(wiring, pad, "value", 0.0F);
  if (as_inputs) {
    const LoadedTensor* list = wiring.constant(pad, 1);
    if (list == nullptr || list->entry.type != ArchiveType::i64 || has_input(pad, 3)) refuse();
    pads = integers_of(*list);
    if (has_input(pad, 2)) value = number_at(wiring, pad, 2);
  }
  const bool is_constant = attribute_of<std::string>(wiring, pad, "mode", "constant") == "constant";
  // Batch, channels, rows, columns: first what goes before each, then what goes behind.
  if (!is_constant || value != 0.0F || pads.size() != 8) refuse();
  if (pads[0] != 0 || pads[1] != 0 || pads[4] != 0 || pads[5] != 0) refuse();
  return {pads[2], pads[3], pads[6], pads[7]};
}

OnnxConv conv_of(const OnnxWiring& wiring, const OnnxNode& conv, const OnnxPads& padded) {
  OnnxConv form;
  form.kernel = &floats_at(wiring, conv, 1, 4);
  const Ints& shape = form.kernel->entry.shape;
  const auto fail = [&](const std::string& message) { wiring.fail(described(conv) + " " + message); };
  form.size = shape[2];
  if (shape[2] != shape[3] || (form.size != 1 && form.size != 3) || shape[0] == 0 || shape[1] == 0) {
    fail("has a kernel of the shape " + list_text(shape) + ", expected 1x1 or 3x3 behind the channels");
  }
  const Ints said = ints_of(wiring, conv, "kernel_shape", {form.size, form.size});
  if (said != Ints{form.size, form.size}) fail("says kernel_shape " + list_text(said) + " of " + list_text(shape));
  const Ints dilations = ints_of(wiring, conv, "dilations", {1, 1});
  if (dilations != Ints{1, 1}) fail("has the dilations " + list_text(dilations) + ", expected none");
  const Ints strides = ints_of(wiring, conv, "strides", {1, 1});
  if (strides != Ints{1, 1} && strides != Ints{2, 2}) fail("has the strides " + list_text(strides));
  form.stride = strides[0];
  form.group = int_of(wiring, conv, "group", 1);
  form.outputs = shape[0];
  if (form.group != 1 && (form.group != form.outputs || shape[1] != 1)) {
    fail("has " + std::to_string(form.group) + " groups for a kernel of " + list_text(shape) +
         ", expected one, or one a channel");
  }
  form.inputs = form.group == 1 ? shape[1] : form.outputs;
  if (has_input(conv, 2)) form.bias = &vector_at(wiring, conv, 2, form.outputs);
  form.padding = padding_of(wiring, conv, form, padded);
  return form;
}

OnnxBatchNorm batch_norm_of(const OnnxWiring& wiring, const OnnxNode& node, std::int64_t channels) {
  if (int_of(wiring, node, "training_mode", 0) != 0 || node.outputs.size() != 1) {
    wiring.fail(described(node) + " is in training mode, expected a network exported for inference");
  }
  if (int_of(wiring, node, "spatial", 1) != 1) wiring.fail(described(node) + " is not spatial");
  const auto at = [&](std::size_t input) { return &vector_at(wiring, node, input, channels); };
  return {at(1), at(2), at(3), at(4), attribute_of(wiring, node, "epsilon", 1e-5F)};
}

void check_relu6(const OnnxWiring& wiring, const OnnxNode& clip) {
  constexpr std::int64_t kBoundsAreInputs = 11;
  const auto bound = [&](std::size_t input, const char* key) {
    if (wiring.opset() >= kBoundsAreInputs) return number_at(wiring, clip, input);
    return attribute_of(wiring, clip, key, std::numeric_limits<float>::quiet_NaN());
  };
  const float low = bound(1, "min");
  const float high = bound(2, "max");
  if (low == 0 && high == 6) return;
  const auto text = [](float value) { return std::isnan(value) ? "no constant" : number_text(value); };
  wiring.fail(described(clip) + " is bounded by " + text(low) + " and " + text(high) + ", expected 0 and 6 (ReLU6)");
}

OnnxLinear linear_of(const OnnxWiring& wiring, const OnnxNode& node, const OnnxNode* sum, std::int64_t channels) {
  OnnxLinear linear = node.op == "Gemm"     ? gemm_of(wiring, node)
                      : node.op == "MatMul" ? product_of(wiring, node, sum)
                                            : pointwise_of(wiring, node);
  if (linear.weight.entry.shape[1] != channels) {
    wiring.fail(described(node) + " takes " + std::to_string(linear.weight.entry.shape[1]) + " channels, expected " +
                std::to_string(channels));
  }
  return linear;
}

}  // namespace karyon
