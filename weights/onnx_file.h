// An ONNX file as plain nodes and tensors; nothing is run.
// Invariant: every tensor is whole (as many bytes as its type and shape ask for); every value has one origin (an input
// of the graph, a tensor, or an output of one node), and nodes come after those whose outputs they read, so following
// the edges always ends. Data in other files, nested graphs, functions, sparse tensors and training are refused.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "weights/loaded_archive.h"

namespace karyon {

using OnnxAttribute =
    std::variant<float, std::int64_t, std::string, std::vector<float>, std::vector<std::int64_t>, LoadedTensor>;

struct OnnxNode {
  std::string op;                    // "Conv": letters and digits, of ONNX's own domain
  std::string name;                  // for messages; may be empty
  std::vector<std::string> inputs;   // names of values; "" where an optional one is left out
  std::vector<std::string> outputs;  // the same
  std::map<std::string, OnnxAttribute> attributes;
};

struct OnnxGraph {
  std::int64_t opset = 0;
  std::vector<OnnxNode> nodes;                    // without Constant nodes
  std::map<std::string, LoadedTensor> constants;  // the initialisers and the Constant nodes' tensors, by value name
  std::vector<std::string> inputs;                // those that no initialiser gives
};

/// Error bad_data that opens with "`source`: " and names node or tensor. For the schema and its rules see onnx.proto
/// and IR.md of the ONNX project.
OnnxGraph parse_onnx(std::span<const std::uint8_t> bytes, const std::string& source);

/// The node in a message: "Conv "/features.0/Conv"".
std::string described(const OnnxNode& node);

}  // namespace karyon
