// Attributes of an ONNX node with the defaults that the operator's definition gives them.
#pragma once

#include "kernels/check.h"
#include "weights/onnx_wiring.h"
#include "weights/safetensors_header.h"

namespace karyon {

/// Error bad_data when the attribute is there with another type.
template <typename Value>
Value attribute_of(const OnnxWiring& wiring, const OnnxNode& node, const std::string& key, const Value& otherwise) {
  const auto found = node.attributes.find(key);
  if (found == node.attributes.end()) return otherwise;
  const auto* value = std::get_if<Value>(&found->second);
  if (value == nullptr) wiring.fail(described(node) + ": the attribute " + printable(key) + " has another type");
  return *value;
}

inline std::int64_t int_of(const OnnxWiring& wiring, const OnnxNode& node, const std::string& key,
                           std::int64_t otherwise) {
  return attribute_of<std::int64_t>(wiring, node, key, otherwise);
}

inline std::vector<std::int64_t> ints_of(const OnnxWiring& wiring, const OnnxNode& node, const std::string& key,
                                         const std::vector<std::int64_t>& otherwise) {
  return attribute_of(wiring, node, key, otherwise);
}

/// "[1, 2]", of a long list the first eight.
inline std::string list_text(const std::vector<std::int64_t>& numbers) {
  constexpr std::size_t kMost = 8;
  std::string text = "[";
  for (std::size_t i = 0; i < numbers.size() && i < kMost; ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(numbers[i]);
  }
  return text + (numbers.size() > kMost ? ", ...]" : "]");
}

}  // namespace karyon
