#include <algorithm>

#include "tests/onnx_writer.h"
#include "tests/seeds.h"

namespace karyon {

namespace {

/// Where the initialisers' raw bytes lie; short ones are left to the mutations.
std::vector<ByteRange> data_of(const onnx::ModelProto& model, const std::vector<std::uint8_t>& file) {
  std::vector<ByteRange> ranges;
  for (const onnx::TensorProto& tensor : model.graph().initializer()) {
    const std::string& raw = tensor.raw_data();
    if (raw.size() < 16) continue;
    const auto found = std::search(file.begin(), file.end(), raw.begin(), raw.end(),
                                   [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
    const auto begin = static_cast<std::size_t>(found - file.begin());
    ranges.emplace_back(begin, begin + raw.size());
  }
  return ranges;
}

Seed seed(const std::string& name, const OnnxForm& form) {
  const onnx::ModelProto model = write_mobilenet(form).model;
  std::vector<std::uint8_t> file = bytes_of(model);
  std::vector<ByteRange> data = data_of(model, file);
  return {name, std::move(file), std::move(data)};
}

}  // namespace

std::vector<Seed> onnx_seeds() {
  return {seed("folded.onnx", {.convs = tiny_convs(), .opset = 9}),
          seed("separate.onnx", {.convs = tiny_convs(),
                                 .style = OnnxStyle::hugging_face,
                                 .is_folded = false,
                                 .pads = OnnxPadForm::pad_nodes,
                                 .tail = OnnxTail::gemm_untransposed}),
          seed("listed.onnx", {.convs = tiny_convs(),
                               .style = OnnxStyle::timm,
                               .opset = 13,
                               .tail = OnnxTail::matmul,
                               .lists_values = true})};
}

}  // namespace karyon
