// An ONNX graph under construction: constants, nodes, inputs and outputs by name.
// Invariant: every name is made by one call and is a node's output, a constant or the input; nodes stand in the order
// in which they were added, which is an order they can be run in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <weights/onnx.pb.h>

namespace karyon {

class OnnxGraphWriter {
 public:
  explicit OnnxGraphWriter(onnx::GraphProto& graph) : graph_(graph) {}

  /// A float tensor; as many values as the shape says, none of it for a scalar. Returns its name.
  std::string constant(const std::string& name, const std::vector<std::int64_t>& shape,
                       const std::vector<float>& values);
  /// A node and its only output, both of that name.
  onnx::NodeProto& node(const std::string& op, const std::string& name, const std::vector<std::string>& inputs);

  static void set_int(onnx::NodeProto& node, const std::string& name, std::int64_t value);
  static void set_ints(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values);

  /// float32 [batch, channels, height, width], all but the channels free.
  void input(const std::string& name, int channels, const std::string& description);
  void output(const std::string& name, int channels, const std::string& description);

 private:
  onnx::GraphProto& graph_;
};

}  // namespace karyon
