#include "apps/export/onnx_graph.h"

namespace karyon {

namespace {

void describe(onnx::ValueInfoProto& value, const std::string& name, int channels, const std::string& description) {
  value.set_name(name);
  value.set_doc_string(description);
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx::TensorProto::FLOAT);
  auto& shape = *tensor.mutable_shape();
  shape.add_dim()->set_dim_param("batch");
  shape.add_dim()->set_dim_value(channels);
  shape.add_dim()->set_dim_param("height");
  shape.add_dim()->set_dim_param("width");
}

}  // namespace

std::string OnnxGraphWriter::constant(const std::string& name, const std::vector<std::int64_t>& shape,
                                      const std::vector<float>& values) {
  onnx::TensorProto& tensor = *graph_.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t extent : shape) tensor.add_dims(extent);
  tensor.set_raw_data(values.data(), values.size() * sizeof(float));
  return name;
}

onnx::NodeProto& OnnxGraphWriter::node(const std::string& op, const std::string& name,
                                       const std::vector<std::string>& inputs) {
  onnx::NodeProto& node = *graph_.add_node();
  node.set_op_type(op);
  node.set_name(name);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(name);
  return node;
}

void OnnxGraphWriter::set_int(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INT);
  attribute.set_i(value);
}

void OnnxGraphWriter::set_ints(onnx::NodeProto& node, const std::string& name,
                               const std::vector<std::int64_t>& values) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

void OnnxGraphWriter::input(const std::string& name, int channels, const std::string& description) {
  describe(*graph_.add_input(), name, channels, description);
}

void OnnxGraphWriter::output(const std::string& name, int channels, const std::string& description) {
  describe(*graph_.add_output(), name, channels, description);
}

}  // namespace karyon
