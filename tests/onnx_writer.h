// MobileNetV2 as exporters write it to ONNX, for tests to read and to spoil.
// Invariant: deterministic; every weight is another number.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <weights/onnx.pb.h>

#include "weights/encoder_layout.h"
#include "weights/loaded_archive.h"

namespace karyon {

enum class OnnxStyle : std::uint8_t { torchvision, timm, hugging_face };
enum class OnnxPadForm : std::uint8_t { symmetric, same_pads, same_upper, pad_nodes };  // the last three are SAME
enum class OnnxTail : std::uint8_t { nothing, last_1x1, gemm, gemm_untransposed, conv, matmul };

struct OnnxForm {
  std::vector<EncoderConv> convs;
  OnnxStyle style = OnnxStyle::torchvision;
  int opset = 17;
  bool is_folded = true;  // else BatchNormalization nodes stand behind the convolutions
  OnnxPadForm pads = OnnxPadForm::symmetric;
  OnnxTail tail = OnnxTail::gemm;
  bool lists_values = false;  // float_data, and initialisers listed as inputs; else raw_data
  int halving_block = 6;      // where the second halving but one stands: 10 in Gluon's network
};

struct OnnxWritten {
  onnx::ModelProto model;
  std::vector<std::vector<std::uint8_t>> weights;  // in the network's order, a classifier as (classes, channels)
};

/// One or two channels everywhere.
std::vector<EncoderConv> tiny_convs();

OnnxWritten write_mobilenet(const OnnxForm& form);

std::vector<std::uint8_t> bytes_of(const onnx::ModelProto& model);

/// The nth node of this op; the test fails when there is none.
onnx::NodeProto& nth_node(onnx::ModelProto& model, const std::string& op, int n);

void set_int(onnx::NodeProto& node, const std::string& name, std::int64_t value);
void set_ints(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values);
void set_float(onnx::NodeProto& node, const std::string& name, float value);
void set_string(onnx::NodeProto& node, const std::string& name, const std::string& value);

}  // namespace karyon
