// Who reads each value of an ONNX graph that may be MobileNetV2, seen without what changes nothing.
// Invariant: Identity and Dropout are gone, their readers read what they read; so are the nodes that compute with
// shapes, which only Reshape uses; what is left has an operator that MobileNetV2 can hold.
#pragma once

#include <set>

#include "weights/onnx_file.h"

namespace karyon {

class OnnxWiring {
 public:
  /// Error bad_data when an operator has no place in MobileNetV2 or there is not exactly one input.
  OnnxWiring(OnnxGraph graph, std::string source);
  OnnxWiring(const OnnxWiring&) = delete;  // readers_ points into graph_
  OnnxWiring& operator=(const OnnxWiring&) = delete;

  [[nodiscard]] std::int64_t opset() const { return graph_.opset; }
  /// The value that the image comes in as.
  [[nodiscard]] const std::string& image() const { return graph_.inputs.front(); }
  /// The nodes that have `value` among their inputs, in the graph's order; not those that ask for its shape.
  [[nodiscard]] const std::vector<const OnnxNode*>& readers(const std::string& value) const;
  /// nullptr when the node has no such input or it is no constant.
  [[nodiscard]] const LoadedTensor* constant(const OnnxNode& node, std::size_t input) const;

  /// Counts the node as understood.
  void take(const OnnxNode& node) { taken_.insert(&node); }
  /// Error bad_data when a node was never taken.
  void check_all_taken() const;

  /// Throws Error bad_data "source: message".
  [[noreturn]] void fail(const std::string& message) const;

 private:
  void check_ops() const;
  void drop_aliases();
  void drop_shape_nodes();

  OnnxGraph graph_;
  std::string source_;
  std::map<std::string, std::vector<const OnnxNode*>> readers_;
  std::set<const OnnxNode*> taken_;
};

}  // namespace karyon
