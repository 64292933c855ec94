// MobileNetV2 out of ONNX files: every form in which exporters write it is read, and everything else is refused by
// name.
#include <functional>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "engine/files.h"
#include "tests/expect_error.h"
#include "tests/onnx_writer.h"
#include "tests/parity_file.h"
#include "tests/seeds.h"
#include "weights/encoder_family.h"
#include "weights/onnx_encoder.h"

namespace karyon {
namespace {

using onnx::AttributeProto;
using onnx::ModelProto;
using onnx::TensorProto;

std::unique_ptr<Archive> read(const ModelProto& model) { return read_onnx(bytes_of(model), "the-file"); }

/// All tensors, in the network's order, are the bytes that were written.
void expect_weights(const Archive& archive, const OnnxWritten& written) {
  ASSERT_EQ(archive.entries().size(), written.weights.size());
  for (std::size_t i = 0; i < written.weights.size(); ++i) {
    EXPECT_EQ(archive.read(archive.entries()[i].name), written.weights[i]) << archive.entries()[i].name;
  }
}

std::vector<std::string> names_of(const Archive& archive) {
  std::vector<std::string> names;
  for (const ArchiveEntry& entry : archive.entries()) names.push_back(entry.name);
  return names;
}

std::string shape_text(const Archive& archive, const std::string& name) {
  std::string text;
  const ArchiveEntry* entry = archive.find(name);
  if (entry == nullptr) return "no such tensor";
  for (const std::int64_t extent : entry->shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

TEST(Onnx, ReadsAFoldedTorchvisionExport) {
  const OnnxWritten written = write_mobilenet({.convs = mobilenet_v2_convs(0.35)});
  const auto archive = read(written.model);
  expect_weights(*archive, written);
  EXPECT_EQ(archive->container(), "onnx");
  EXPECT_EQ(
      archive->metadata(),
      (std::map<std::string, std::string>{
          {"padding", "symmetric 1"}, {"activation", "relu6"}, {"batch_norm", "folded"}, {"conv_layout", "OIHW"}}));
  const std::vector<std::string> names = names_of(*archive);
  EXPECT_EQ(names.size(), 52U * 2 + 2);
  EXPECT_EQ((std::vector<std::string>(names.begin(), names.begin() + 16)),
            (std::vector<std::string>{"features.0.0.weight", "features.0.0.bias",                // stem
                                      "features.1.conv.0.0.weight", "features.1.conv.0.0.bias",  // block 0
                                      "features.1.conv.1.weight", "features.1.conv.1.bias",      //
                                      "features.2.conv.0.0.weight", "features.2.conv.0.0.bias",  // block 1
                                      "features.2.conv.1.0.weight", "features.2.conv.1.0.bias",  //
                                      "features.2.conv.2.weight", "features.2.conv.2.bias",      //
                                      "features.3.conv.0.0.weight", "features.3.conv.0.0.bias",  //
                                      "features.3.conv.1.0.weight", "features.3.conv.1.0.bias"}));
  EXPECT_EQ((std::vector<std::string>(names.end() - 4, names.end())),
            (std::vector<std::string>{"features.18.0.weight", "features.18.0.bias", "classifier.1.weight",
                                      "classifier.1.bias"}));
  EXPECT_EQ(shape_text(*archive, "features.0.0.weight"), "16x3x3x3");
  EXPECT_EQ(shape_text(*archive, "features.17.conv.1.0.weight"), "336x1x3x3");
  EXPECT_EQ(shape_text(*archive, "features.17.conv.2.weight"), "112x336x1x1");
  EXPECT_EQ(shape_text(*archive, "classifier.1.weight"), "3x113");
}

TEST(Onnx, ReadsEveryFormOfEveryExporter) {
  for (const int opset : {7, 10, 11, 13, 23}) {
    for (const bool is_folded : {true, false}) {
      for (const bool lists_values : {true, false}) {
        const OnnxWritten written = write_mobilenet(
            {.convs = tiny_convs(), .opset = opset, .is_folded = is_folded, .lists_values = lists_values});
        const auto archive = read(written.model);
        expect_weights(*archive, written);
        EXPECT_EQ(archive->metadata().at("batch_norm"), is_folded ? "folded" : "separate, eps 1e-05");
      }
    }
  }
}

TEST(Onnx, ReadsEveryTail) {
  for (const OnnxTail tail : {OnnxTail::nothing, OnnxTail::last_1x1, OnnxTail::gemm, OnnxTail::gemm_untransposed,
                              OnnxTail::conv, OnnxTail::matmul}) {
    const OnnxWritten written = write_mobilenet({.convs = tiny_convs(), .tail = tail});
    const auto archive = read(written.model);
    expect_weights(*archive, written);
    const bool has_classifier = tail != OnnxTail::nothing && tail != OnnxTail::last_1x1;
    EXPECT_EQ(shape_text(*archive, "classifier.1.weight"), has_classifier ? "3x3" : "no such tensor");
    EXPECT_EQ(archive->find("features.18.0.weight") == nullptr, tail == OnnxTail::nothing);
  }
}

TEST(Onnx, ReadsSamePaddingUnderHuggingFacesNames) {
  for (const OnnxPadForm pads : {OnnxPadForm::same_pads, OnnxPadForm::same_upper, OnnxPadForm::pad_nodes}) {
    for (const int opset : {9, 17}) {
      const OnnxWritten written =
          write_mobilenet({.convs = tiny_convs(), .style = OnnxStyle::hugging_face, .opset = opset, .pads = pads});
      const auto archive = read(written.model);
      expect_weights(*archive, written);
      EXPECT_EQ(archive->metadata().at("padding"), "SAME");
      EXPECT_EQ(names_of(*archive)[0], "mobilenet_v2.conv_stem.first_conv.convolution.weight");
    }
  }
}

TEST(Onnx, TheNodesNamesDecideBetweenFamilies) {
  const auto first = [](OnnxStyle style) {
    return names_of(*read(write_mobilenet({.convs = tiny_convs(), .style = style}).model))[0];
  };
  EXPECT_EQ(first(OnnxStyle::torchvision), "features.0.0.weight");
  EXPECT_EQ(first(OnnxStyle::timm), "conv_stem.weight");
  EXPECT_EQ(first(OnnxStyle::hugging_face), "mobilenet_v2.conv_stem.first_conv.convolution.weight");
  // An initialiser's name says as much, and a wrapper's own name misleads nobody.
  ModelProto model = write_mobilenet({.convs = tiny_convs(), .is_folded = false}).model;
  model.mutable_graph()->mutable_initializer(0)->set_name("mobilenet_v2.conv_stem.weight");
  nth_node(model, "Conv", 0).set_input(1, "mobilenet_v2.conv_stem.weight");
  EXPECT_EQ(names_of(*read(model))[0], "conv_stem.weight");
}

TEST(Onnx, BatchNormsStandBesideTheirConvolutions) {
  const auto archive = read(write_mobilenet({.convs = tiny_convs(), .is_folded = false}).model);
  const std::vector<std::string> names = names_of(*archive);
  EXPECT_EQ((std::vector<std::string>(names.begin(), names.begin() + 6)),
            (std::vector<std::string>{"features.0.0.weight", "features.0.1.weight", "features.0.1.bias",
                                      "features.0.1.running_mean", "features.0.1.running_var",
                                      "features.1.conv.0.0.weight"}));
  EXPECT_EQ(shape_text(*archive, "features.3.conv.3.running_var"), "2");
}

TEST(Onnx, ReadsEveryFloatingType) {
  ModelProto model = write_mobilenet({.convs = tiny_convs()}).model;
  const auto retype = [&](int tensor, int type, std::size_t size) {
    TensorProto& proto = *model.mutable_graph()->mutable_initializer(tensor);
    proto.set_data_type(type);
    proto.set_raw_data(std::string(proto.raw_data().size() / 4 * size, '\1'));
  };
  retype(0, TensorProto::DOUBLE, 8);
  retype(2, TensorProto::FLOAT16, 2);
  retype(4, TensorProto::BFLOAT16, 2);
  TensorProto& listed = *model.mutable_graph()->mutable_initializer(6);
  listed.set_data_type(TensorProto::FLOAT16);
  listed.clear_raw_data();
  const std::int64_t count = listed.dims(0) * listed.dims(1);
  for (std::int64_t i = 0; i < count; ++i) listed.add_int32_data(0x3C00);
  const auto archive = read(model);
  EXPECT_EQ(archive->entries()[0].type, ArchiveType::f64);
  EXPECT_EQ(archive->entries()[2].type, ArchiveType::f16);
  EXPECT_EQ(archive->entries()[4].type, ArchiveType::bf16);
  EXPECT_EQ(archive->read_floats(archive->entries()[6].name),
            std::vector<float>(static_cast<std::size_t>(count), 1.0F));
}

TEST(Onnx, ConstantsMayStandInAnyForm) {
  ModelProto model = write_mobilenet({.convs = tiny_convs(), .tail = OnnxTail::gemm_untransposed}).model;
  AttributeProto& bound = *nth_node(model, "Constant", 1).mutable_attribute(0);
  bound.Clear();
  bound.set_name("value_float");
  bound.set_type(AttributeProto::FLOAT);
  bound.set_f(6);
  AttributeProto& list = *nth_node(model, "Constant", 0).mutable_attribute(0);
  list.Clear();
  list.set_name("value_floats");
  list.set_type(AttributeProto::FLOATS);
  list.add_floats(0);
  EXPECT_EQ(read(model)->entries().size(), 106U);
}

struct Refusal {
  const char* name;
  std::function<void(ModelProto&)> spoil;
  const char* message;
  OnnxForm form = {.convs = tiny_convs()};
};

/// ctest shows a case by this text.
std::ostream& operator<<(std::ostream& stream, const Refusal& refusal) { return stream << refusal.name; }

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, ByItsOwnMessage) {
  ModelProto model = write_mobilenet(GetParam().form).model;
  GetParam().spoil(model);
  const std::string message = error_of(Exit::bad_data, [&] { read(model); });
  EXPECT_TRUE(message.starts_with("the-file: ")) << message;
  EXPECT_NE(message.find(GetParam().message), std::string::npos) << message;
}

std::string refusal_name(const ::testing::TestParamInfo<Refusal>& refusal) { return refusal.param.name; }

TensorProto& tensor(ModelProto& model, int n) { return *model.mutable_graph()->mutable_initializer(n); }
void rename_input(ModelProto& model, const std::string& from, const std::string& to) {
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    for (auto& input : *node.mutable_input()) {
      if (input == from) input = to;
    }
  }
}
/// A node of this op between `node`'s first input and the node, itself before it in the list.
onnx::NodeProto& insert_before(ModelProto& model, const std::string& op, const std::string& reader, int n) {
  auto& nodes = *model.mutable_graph()->mutable_node();
  onnx::NodeProto* added = nodes.Add();
  onnx::NodeProto* node = &nth_node(model, reader, n);
  added->set_op_type(op);
  added->add_input(node->input(0));
  added->add_output("inserted");
  node->set_input(0, "inserted");
  int at = nodes.size() - 1;
  do {
    nodes.SwapElements(at, at - 1);
  } while (nodes.Mutable(at--) != node);
  return *added;
}

INSTANTIATE_TEST_SUITE_P(
    File, Refused,
    ::testing::Values(
        Refusal{"no_graph", [](ModelProto& m) { m.clear_graph(); }, "not an ONNX file: it holds no graph"},
        Refusal{"training", [](ModelProto& m) { m.add_training_info(""); }, "holds training_info"},
        Refusal{"functions", [](ModelProto& m) { m.add_functions(""); }, "holds functions"},
        Refusal{"sparse", [](ModelProto& m) { m.mutable_graph()->add_sparse_initializer(""); }, "sparse initialisers"},
        Refusal{"no_opset", [](ModelProto& m) { m.clear_opset_import(); }, "does not name the version"},
        Refusal{"two_opsets", [](ModelProto& m) { m.add_opset_import()->set_domain("ai.onnx"); }, "operators twice"},
        Refusal{"old_opset", [](ModelProto& m) { m.mutable_opset_import(0)->set_version(6); }, "is of opset 6"},
        Refusal{"new_opset", [](ModelProto& m) { m.mutable_opset_import(0)->set_version(24); }, "is of opset 24"},
        Refusal{"external",
                [](ModelProto& m) { tensor(m, 0).set_data_location(TensorProto::EXTERNAL); },
                R"(tensor "t1" lies in another file (external data))"},
        Refusal{"external_entry", [](ModelProto& m) { tensor(m, 0).add_external_data("x"); }, "external data"},
        Refusal{"segment", [](ModelProto& m) { tensor(m, 0).set_segment(""); }, "is a segment"},
        Refusal{"int8", [](ModelProto& m) { tensor(m, 0).set_data_type(TensorProto::INT8); }, "element type INT8"},
        Refusal{"type_99", [](ModelProto& m) { tensor(m, 0).set_data_type(99); }, "element type 99"},
        Refusal{"raw_short", [](ModelProto& m) { tensor(m, 0).mutable_raw_data()->pop_back(); },
                "raw_data of 215 bytes, but its shape and type need 216"},
        Refusal{"raw_long", [](ModelProto& m) { tensor(m, 0).mutable_raw_data()->push_back('x'); },
                "raw_data of 217 bytes"},
        Refusal{"no_data", [](ModelProto& m) { tensor(m, 0).clear_raw_data(); }, "has 0 values in float_data"},
        Refusal{"raw_and_list", [](ModelProto& m) { tensor(m, 0).add_float_data(1); }, "both raw_data and a list"},
        Refusal{"list_short", [](ModelProto& m) { tensor(m, 0).mutable_float_data()->RemoveLast(); },
                "has 53 values in float_data and 0 in other lists, but its shape needs 54",
                {.convs = tiny_convs(), .lists_values = true}},
        Refusal{"two_lists", [](ModelProto& m) { tensor(m, 0).add_double_data(1); }, "and 1 in other lists",
                {.convs = tiny_convs(), .lists_values = true}},
        Refusal{"wide_half",
                [](ModelProto& m) {
                  tensor(m, 1).clear_raw_data();
                  tensor(m, 1).set_data_type(TensorProto::FLOAT16);
                  tensor(m, 1).add_int32_data(1);
                  tensor(m, 1).add_int32_data(0x10000);
                },
                "has 65536 where 16 bits are stored"},
        Refusal{"negative_extent", [](ModelProto& m) { tensor(m, 0).set_dims(0, -2); }, "negative extent -2"},
        Refusal{"overflow",
                [](ModelProto& m) {
                  tensor(m, 0).set_dims(0, INT64_MAX);
                  tensor(m, 0).set_dims(1, INT64_MAX);
                },
                "overflow"},
        Refusal{"overflow_to_0",
                [](ModelProto& m) {
                  tensor(m, 0).set_dims(0, std::int64_t{1} << 32);
                  tensor(m, 0).set_dims(1, std::int64_t{1} << 32);
                  tensor(m, 0).clear_raw_data();
                },
                "overflow"},
        Refusal{"many_axes",
                [](ModelProto& m) {
                  for (int i = 0; i < 5; ++i) tensor(m, 0).add_dims(1);
                },
                "has 9 axes"},
        Refusal{"nameless", [](ModelProto& m) { tensor(m, 0).clear_name(); }, "an initialiser without a name"},
        Refusal{"name_twice", [](ModelProto& m) { tensor(m, 1).set_name("t1"); }, R"(value "t1" is defined twice)"},
        Refusal{"many_tensors",
                [](ModelProto& m) {
                  for (int i = 0; i < 10'000; ++i) m.mutable_graph()->add_initializer();
                },
                "more than 10000 initialisers"},
        Refusal{"many_nodes",
                [](ModelProto& m) {
                  for (int i = 0; i < 10'000; ++i) m.mutable_graph()->add_node();
                },
                "more than 10000 nodes"},
        Refusal{"many_inputs",
                [](ModelProto& m) {
                  for (int i = 0; i < 10'000; ++i) m.mutable_graph()->add_input();
                },
                "more than 10000 inputs"},
        Refusal{"many_attributes",
                [](ModelProto& m) {
                  for (int i = 0; i < 65; ++i) set_int(nth_node(m, "Conv", 0), std::to_string(i), 1);
                },
                "more than 64 inputs, outputs or attributes"},
        Refusal{"input_twice", [](ModelProto& m) { m.mutable_graph()->add_input()->set_name("x"); },
                R"(value "x" is defined twice)"},
        Refusal{"input_nameless", [](ModelProto& m) { m.mutable_graph()->add_input(); }, "an input without a name"},
        Refusal{"output_twice", [](ModelProto& m) { nth_node(m, "Conv", 1).set_output(0, "x"); }, "is defined twice"},
        Refusal{"unordered",
                [](ModelProto& m) {
                  auto& nodes = *m.mutable_graph()->mutable_node();
                  nodes.SwapElements(0, nodes.size() - 1);
                },
                "which nothing before it gives"}),
    refusal_name);

INSTANTIATE_TEST_SUITE_P(
    Node, Refused,
    ::testing::Values(
        Refusal{"domain", [](ModelProto& m) { nth_node(m, "Conv", 0).set_domain("com.microsoft"); },
                R"(domain "com.microsoft")"},
        Refusal{"op_empty", [](ModelProto& m) { nth_node(m, "Conv", 0).clear_op_type(); }, R"(has the op "")"},
        Refusal{"op_not_letters", [](ModelProto& m) { nth_node(m, "Conv", 0).set_op_type("\x1b[2J"); },
                R"(has the op "\u001b[2J")"},
        Refusal{"op_unknown", [](ModelProto& m) { nth_node(m, "Flatten", 0).set_op_type("Transpose"); },
                "the operator Transpose has no place in MobileNetV2"},
        Refusal{"subgraph",
                [](ModelProto& m) {
                  AttributeProto& body = *nth_node(m, "Conv", 0).add_attribute();
                  body.set_name("body");
                  body.set_type(AttributeProto::GRAPH);
                },
                R"(attribute "body" holds a nested graph)"},
        Refusal{"hidden_subgraph", [](ModelProto& m) { nth_node(m, "Conv", 0).mutable_attribute(0)->set_g("x"); },
                "holds a nested graph"},
        Refusal{"reference", [](ModelProto& m) { nth_node(m, "Conv", 0).mutable_attribute(0)->set_ref_attr_name("x"); },
                "refers to a function's attribute"},
        Refusal{"attribute_type",
                [](ModelProto& m) { nth_node(m, "Conv", 0).mutable_attribute(0)->set_type(AttributeProto::STRINGS); },
                "is of the type STRINGS"},
        Refusal{"attribute_untyped", [](ModelProto& m) { nth_node(m, "Conv", 0).mutable_attribute(0)->clear_type(); },
                "is of the type UNDEFINED"},
        Refusal{"attribute_twice",
                [](ModelProto& m) {
                  const AttributeProto first = nth_node(m, "Conv", 0).attribute(0);
                  *nth_node(m, "Conv", 0).add_attribute() = first;
                },
                R"(attribute "kernel_shape" twice)"},
        Refusal{"constant_of_strings",
                [](ModelProto& m) { nth_node(m, "Constant", 0).mutable_attribute(0)->set_name("value_string"); },
                R"(has its value in "value_string")"},
        Refusal{"constant_empty", [](ModelProto& m) { nth_node(m, "Constant", 0).clear_attribute(); },
                "1 outputs and 0 attributes"},
        Refusal{"constant_raw_short",
                [](ModelProto& m) { nth_node(m, "Constant", 0).mutable_attribute(0)->mutable_t()->add_dims(2); },
                "raw_data of 4 bytes, but its shape and type need 8"},
        Refusal{"no_output", [](ModelProto& m) { nth_node(m, "Gemm", 0).clear_output(); }, "lacks inputs or outputs"}),
    refusal_name);

INSTANTIATE_TEST_SUITE_P(
    Layer, Refused,
    ::testing::Values(
        Refusal{"dilations", [](ModelProto& m) { set_ints(nth_node(m, "Conv", 0), "dilations", {2, 2}); },
                R"(Conv "Conv_0" has the dilations [2, 2])"},
        Refusal{"kernel_shape", [](ModelProto& m) { set_ints(nth_node(m, "Conv", 0), "kernel_shape", {5, 5}); },
                "says kernel_shape [5, 5] of [2, 3, 3, 3]"},
        Refusal{"kernel_size",
                [](ModelProto& m) {
                  tensor(m, 0).set_dims(2, 1);
                  tensor(m, 0).set_dims(3, 9);
                },
                "kernel of the shape [2, 3, 1, 9]"},
        Refusal{"kernel_rank",
                [](ModelProto& m) {
                  tensor(m, 0).mutable_dims()->RemoveLast();
                  tensor(m, 0).set_dims(2, 9);
                },
                "expected floating point with 4 axes"},
        Refusal{"kernel_not_constant", [](ModelProto& m) { nth_node(m, "Conv", 1).set_input(1, nth_node(m, "Conv", 1).input(0)); },
                "its input 1 is no constant tensor"},
        Refusal{"bias_length", [](ModelProto& m) { nth_node(m, "Conv", 0).set_input(2, "t6"); },
                R"(tensor "t6" has the shape [1], expected [2])"},
        Refusal{"strides", [](ModelProto& m) { set_ints(nth_node(m, "Conv", 0), "strides", {2, 1}); },
                "has the strides [2, 1]"},
        Refusal{"groups", [](ModelProto& m) { set_int(nth_node(m, "Conv", 0), "group", 3); }, "has 3 groups"},
        Refusal{"attribute_of_another_type", [](ModelProto& m) { set_int(nth_node(m, "Conv", 0), "strides", 2); },
                R"(attribute "strides" has another type)"},
        Refusal{"no_padding", [](ModelProto& m) { set_ints(nth_node(m, "Conv", 0), "pads", {0, 0, 0, 0}); },
                "has the padding [0, 0, 0, 0], expected 1 on every side"},
        Refusal{"padded_1x1", [](ModelProto& m) { set_ints(nth_node(m, "Conv", 2), "pads", {1, 1, 1, 1}); },
                "has the padding [1, 1, 1, 1], expected none"},
        Refusal{"same_at_stride_1", [](ModelProto& m) { set_ints(nth_node(m, "Conv", 1), "pads", {0, 0, 1, 1}); },
                "has the padding [0, 0, 1, 1]"},
        Refusal{"two_pads", [](ModelProto& m) { set_ints(nth_node(m, "Conv", 0), "pads", {1, 1}); },
                "has the pads [1, 1], expected four"},
        Refusal{"same_lower",
                [](ModelProto& m) { set_string(nth_node(m, "Conv", 0), "auto_pad", "SAME_LOWER"); },
                R"(auto_pad "SAME_LOWER")",
                {.convs = tiny_convs(), .pads = OnnxPadForm::same_upper}},
        Refusal{"valid",
                [](ModelProto& m) { set_string(nth_node(m, "Conv", 0), "auto_pad", "VALID"); },
                "has the padding [0, 0, 0, 0]",
                {.convs = tiny_convs(), .pads = OnnxPadForm::same_upper}},
        Refusal{"pads_and_auto_pad",
                [](ModelProto& m) { set_string(nth_node(m, "Conv", 0), "auto_pad", "SAME_UPPER"); },
                "has both auto_pad and pads"},
        Refusal{"pad_and_auto_pad",
                [](ModelProto& m) { set_string(nth_node(m, "Conv", 0), "auto_pad", "SAME_UPPER"); },
                "is padded twice",
                {.convs = tiny_convs(), .pads = OnnxPadForm::pad_nodes}},
        Refusal{"pad_reflects",
                [](ModelProto& m) { set_string(nth_node(m, "Pad", 0), "mode", "reflect"); },
                "Pad \"v2\": expected zeros",
                {.convs = tiny_convs(), .pads = OnnxPadForm::pad_nodes}},
        Refusal{"pads_channels",
                [](ModelProto& m) { set_ints(nth_node(m, "Pad", 0), "pads", {0, 1, 0, 0, 0, 0, 1, 1}); },
                "on rows and columns alone",
                {.convs = tiny_convs(), .opset = 9, .pads = OnnxPadForm::pad_nodes}},
        Refusal{"pads_with_ones",
                [](ModelProto& m) { set_float(nth_node(m, "Pad", 0), "value", 1); },
                "expected zeros",
                {.convs = tiny_convs(), .opset = 9, .pads = OnnxPadForm::pad_nodes}},
        Refusal{"pads_unknown",
                [](ModelProto& m) { nth_node(m, "Pad", 0).set_input(1, "x"); },
                "in constant numbers",
                {.convs = tiny_convs(), .pads = OnnxPadForm::pad_nodes}},
        Refusal{"mixed_padding", [](ModelProto& m) { set_ints(nth_node(m, "Conv", 0), "pads", {0, 0, 1, 1}); },
                "symmetric and SAME are mixed"},
        Refusal{"relu", [](ModelProto& m) { nth_node(m, "Clip", 0).set_op_type("Relu"); }, "plain ReLU is that of Gluon"},
        Refusal{"clip_high",
                [](ModelProto& m) { set_float(nth_node(m, "Clip", 3), "max", 5); },
                "is bounded by 0 and 5, expected 0 and 6",
                {.convs = tiny_convs(), .opset = 10}},
        Refusal{"clip_low",
                [](ModelProto& m) {
                  nth_node(m, "Constant", 0).mutable_attribute(0)->mutable_t()->set_raw_data("\0\0\x80\xbf", 4);
                },
                "is bounded by -1 and 6"},
        Refusal{"clip_open", [](ModelProto& m) { nth_node(m, "Clip", 0).mutable_input()->RemoveLast(); },
                "is bounded by 0 and no constant"},
        Refusal{"clip_of_old_bounds",
                [](ModelProto& m) { m.mutable_opset_import(0)->set_version(11); },
                "is bounded by no constant and no constant",
                {.convs = tiny_convs(), .opset = 10}},
        Refusal{"training_mode",
                [](ModelProto& m) { set_int(nth_node(m, "BatchNormalization", 0), "training_mode", 1); },
                "is in training mode",
                {.convs = tiny_convs(), .is_folded = false}},
        Refusal{"training_outputs",
                [](ModelProto& m) { nth_node(m, "BatchNormalization", 0).add_output("mean"); },
                "is in training mode",
                {.convs = tiny_convs(), .is_folded = false}},
        Refusal{"not_spatial",
                [](ModelProto& m) { set_int(nth_node(m, "BatchNormalization", 0), "spatial", 0); },
                "is not spatial",
                {.convs = tiny_convs(), .is_folded = false}},
        Refusal{"epsilons",
                [](ModelProto& m) { set_float(nth_node(m, "BatchNormalization", 7), "epsilon", 1e-3F); },
                "has the batch norm epsilon 0.001, the stem 1e-05",
                {.convs = tiny_convs(), .is_folded = false}},
        Refusal{"gemm_alpha", [](ModelProto& m) { set_float(nth_node(m, "Gemm", 0), "alpha", 2); },
                "expected alpha = beta = 1"},
        Refusal{"gemm_beta", [](ModelProto& m) { set_float(nth_node(m, "Gemm", 0), "beta", 0); },
                "expected alpha = beta = 1"},
        Refusal{"gemm_trans_a", [](ModelProto& m) { set_int(nth_node(m, "Gemm", 0), "transA", 1); }, "transA 0"},
        Refusal{"gemm_channels",
                [](ModelProto& m) {
                  TensorProto& matrix = tensor(m, 104);
                  matrix.set_dims(0, 1);
                  matrix.set_dims(1, 9);
                  nth_node(m, "Gemm", 0).mutable_input()->RemoveLast();
                },
                "takes 9 channels, expected 3"},
        Refusal{"matrix_of_nothing",
                [](ModelProto& m) {
                  TensorProto& matrix = tensor(m, 104);
                  matrix.set_dims(0, std::int64_t{1} << 31);
                  matrix.set_dims(1, 0);
                  matrix.clear_raw_data();
                  set_int(nth_node(m, "Gemm", 0), "transB", 0);
                  nth_node(m, "Gemm", 0).mutable_input()->RemoveLast();
                },
                "takes 0 channels, expected 3"},
        Refusal{"classifier_3x3", [](ModelProto& m) {
                  nth_node(m, "Conv", 52).set_input(1, "t1");
                  nth_node(m, "Conv", 52).set_input(2, "t2");
                  set_ints(nth_node(m, "Conv", 52), "pads", {1, 1, 1, 1});
                },
                "is no 1x1 convolution",
                {.convs = tiny_convs(), .pads = OnnxPadForm::symmetric, .tail = OnnxTail::conv}}),
    refusal_name);

INSTANTIATE_TEST_SUITE_P(
    Network, Refused,
    ::testing::Values(
        Refusal{"gluons_names",
                [](ModelProto& m) {
                  tensor(m, 0).set_name("mobilenetv20_features_conv0_weight");
                  rename_input(m, "t1", "mobilenetv20_features_conv0_weight");
                },
                "Gluon's MobileNetV2, another network: stride at block 10, plain ReLU"},
        Refusal{"gluons_stride",
                [](ModelProto&) {},
                "Gluon's MobileNetV2, another network: stride at block 10",
                {.convs = tiny_convs(), .halving_block = 10}},
        Refusal{"another_stride",
                [](ModelProto&) {},
                "another network than MobileNetV2: block 6 has stride 1, expected 2",
                {.convs = tiny_convs(), .halving_block = 9}},
        Refusal{"stem_stride",
                [](ModelProto& m) {
                  set_ints(nth_node(m, "Conv", 0), "strides", {1, 1});
                },
                "the stem, Conv \"Conv_0\": has stride 1, expected 2"},
        Refusal{"projection_stride",
                [](ModelProto& m) {
                  set_ints(nth_node(m, "Conv", 2), "strides", {2, 2});
                },
                "block 0's projection"},
        Refusal{"same_of_no_family",
                [](ModelProto&) {},
                "SAME padding and not Hugging Face's names",
                {.convs = tiny_convs(), .pads = OnnxPadForm::same_pads}},
        Refusal{"same_of_timm",
                [](ModelProto&) {},
                "SAME padding and not Hugging Face's names",
                {.convs = tiny_convs(), .style = OnnxStyle::timm, .pads = OnnxPadForm::same_upper}},
        Refusal{"two_images", [](ModelProto& m) { m.mutable_graph()->add_input()->set_name("y"); },
                "has 2 inputs, expected one image"},
        Refusal{"nothing", [](ModelProto& m) { m.mutable_graph()->clear_node(); },
                "the network ends where the stem was expected"},
        Refusal{"cut",
                [](ModelProto& m) {
                  auto& nodes = *m.mutable_graph()->mutable_node();
                  while (nodes.size() > 60) nodes.RemoveLast();
                },
                "the network ends where"},
        Refusal{"grey_image",
                [](ModelProto& m) {
                  tensor(m, 0).set_dims(1, 1);
                  tensor(m, 0).mutable_raw_data()->resize(72);
                },
                "takes 1 channels, expected 3"},
        Refusal{"full_instead_of_depthwise", [](ModelProto& m) { set_int(nth_node(m, "Conv", 1), "group", 1); },
                "a 3x3 convolution in 1 groups, expected 3x3 in 2"},
        Refusal{"shared_kernel", [](ModelProto& m) { rename_input(m, "t9", "t3"); }, "that another convolution uses"},
        Refusal{"clip_behind_projection", [](ModelProto& m) { insert_before(m, "Clip", "Conv", 3); },
                "block 1's expansion: found Clip \"inserted\", expected Conv"},
        Refusal{"no_clip",
                [](ModelProto& m) {
                  const std::string behind = nth_node(m, "Clip", 1).output(0);
                  rename_input(m, behind, nth_node(m, "Clip", 1).input(0));
                },
                "goes to Clip"},
        Refusal{"no_sum",
                [](ModelProto& m) { rename_input(m, nth_node(m, "Add", 0).output(0), nth_node(m, "Add", 0).input(1)); },
                "goes to"},
        Refusal{"sum_missing",
                [](ModelProto& m) { nth_node(m, "Add", 0).set_input(0, nth_node(m, "Add", 0).input(1)); },
                "lacks the sum with its input"},
        Refusal{"sum_too_many",
                [](ModelProto& m) {
                  const std::string entry = nth_node(m, "Conv", 3).input(0);
                  insert_before(m, "Add", "Conv", 6).add_input(entry);
                },
                "block 1 is summed with its input (stride 2"},
        Refusal{"sum_of_another",
                [](ModelProto& m) { nth_node(m, "Add", 0).set_input(1, nth_node(m, "Conv", 1).output(0)); }, "goes to"},
        Refusal{"branch",
                [](ModelProto& m) {
                  onnx::NodeProto& node = *m.mutable_graph()->add_node();
                  node.set_op_type("Flatten");
                  node.add_input(nth_node(m, "Clip", 4).output(0));
                  node.add_output("y");
                },
                "goes to"},
        Refusal{"branch_from_a_weight",
                [](ModelProto& m) {
                  onnx::NodeProto& node = *m.mutable_graph()->add_node();
                  node.set_op_type("Flatten");
                  node.add_input("t1");
                  node.add_output("y");
                },
                R"(Flatten "y" is no part of MobileNetV2)"},
        Refusal{"shape_of_values", [](ModelProto& m) { insert_before(m, "Unsqueeze", "Conv", 3); },
                "works on the image's values"},
        Refusal{"folded_and_not",
                [](ModelProto& m) {
                  rename_input(m, nth_node(m, "BatchNormalization", 3).output(0), nth_node(m, "Conv", 3).output(0));
                  auto& nodes = *m.mutable_graph()->mutable_node();
                  for (int at = 0; at < nodes.size(); ++at) {
                    if (nodes.Mutable(at) == &nth_node(m, "BatchNormalization", 3)) {
                      nodes.DeleteSubrange(at, 1);
                      break;
                    }
                  }
                  nth_node(m, "Conv", 3).add_input("t2");
                },
                "folded into some convolutions and not into others",
                {.convs = tiny_convs(), .is_folded = false}},
        Refusal{"neither_bias_nor_norm", [](ModelProto& m) { nth_node(m, "Conv", 0).mutable_input()->RemoveLast(); },
                "has neither a bias nor a batch norm"},
        Refusal{"bias_and_norm",
                [](ModelProto& m) { nth_node(m, "Conv", 0).add_input("t2"); },
                "has both a bias and a batch norm",
                {.convs = tiny_convs(), .is_folded = false}},
        Refusal{"two_classifiers",
                [](ModelProto& m) {
                  onnx::NodeProto& second = *m.mutable_graph()->add_node();
                  second = nth_node(m, "Gemm", 0);
                  second.set_input(0, second.output(0));
                  second.set_output(0, "y");
                },
                "the classifier: found Gemm"}),
    refusal_name);

TEST(Onnx, BytesThatAreNoMessageAreRefused) {
  const std::string text = "<html>not found</html>";
  expect_error(Exit::bad_data, "the-file: not an ONNX file, or one cut short", [&] {
    read_onnx({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, "the-file");
  });
  expect_error(Exit::bad_data, "the-file: not an ONNX file", [] { read_onnx({}, "the-file"); });
}

TEST(Onnx, AFileBeyondTheLimitIsNotEvenParsed) {
  const std::vector<std::uint8_t> large((std::size_t{128} << 20) + 1);
  expect_error(Exit::bad_data, "more than the 128 MB read", [&] { read_onnx(large, "the-file"); });
}

TEST(Onnx, DeepNestingDoesNotReachTheStack) {
  // Groups within groups, a form of protobuf that no field of ONNX has.
  const std::vector<std::uint8_t> nested(100'000, (15 << 3) | 3);
  expect_error(Exit::bad_data, "not an ONNX file", [&] { read_onnx(nested, "the-file"); });
}

TEST(OnnxMutation, EverySpoiledFileIsRefusedOrHarmless) {
  std::size_t stride = 2;  // each byte has three mutations, so every byte is visited
  for (const Seed& seed : onnx_seeds()) {
    EXPECT_EQ(unsafe_reading("seed", [&] { return read_onnx(seed.bytes, "seed"); }), "");
    EXPECT_FALSE(read_onnx(seed.bytes, "seed")->entries().empty());
    std::size_t visit = 0;
    for_each_mutation(seed.bytes, seed.tensor_data,
                      [&](const std::vector<std::uint8_t>& bytes, const std::string& what) {
                        if (visit++ % stride != 0) return;
                        const std::string unsafe = unsafe_reading("mutant", [&] { return read_onnx(bytes, "mutant"); });
                        EXPECT_EQ(unsafe, "") << seed.name << ": " << what;
                      });
    stride = 17;  // the other seeds repeat most of the first
  }
}

/// Names and shapes of all tensors but counters.
std::map<std::string, std::vector<std::int64_t>> shapes_of(const Archive& archive) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const ArchiveEntry& entry : archive.entries()) {
    if (!entry.name.ends_with("num_batches_tracked") && !entry.name.starts_with("classifier")) {
      shapes[entry.name] = entry.shape;
    }
  }
  return shapes;
}

/// What is named after `style` must be what the publisher's own file holds.
void expect_names_of(const std::filesystem::path& file, OnnxStyle style) {
  if (!exists(file)) GTEST_SKIP() << file.filename().string() << " is not here";
  std::vector<EncoderConv> convs = mobilenet_v2_convs(0.35);
  const auto ours = shapes_of(
      *read(write_mobilenet({.convs = convs, .style = style, .is_folded = false, .tail = OnnxTail::nothing}).model));
  const auto theirs = shapes_of(SafetensorsFile(file));
  for (const auto& [name, shape] : ours) {
    ASSERT_TRUE(theirs.contains(name)) << name;
    EXPECT_EQ(theirs.at(name), shape) << name;
  }
  EXPECT_EQ(theirs.size(), ours.size() + 5);  // the last 1x1 and its batch norm
}

TEST(OnnxNames, AreTimms) {
  expect_names_of(shared_folder() / "reference/timm_mobilenetv2_035.safetensors", OnnxStyle::timm);
}

TEST(OnnxNames, AreHuggingFaces) {
  expect_names_of(shared_folder() / "reference/hf_mobilenet_v2_0.35/model.safetensors", OnnxStyle::hugging_face);
}

/// "/features/features.1/conv/conv.0/conv.0.0/Conv" is features.1.conv.0.0: the exporter names nodes after modules.
std::string module_of(const std::string& node) {
  std::vector<std::string> parts;
  std::istringstream path(node);
  for (std::string part; std::getline(path, part, '/');) parts.push_back(part);
  const std::string& last = parts.at(parts.size() - 2);
  return last.starts_with("features") ? last : parts.at(2) + "." + last;
}

TEST(Onnx, GivesTorchvisionsWeightsTheNamesOfTheirModules) {
  const std::filesystem::path file = shared_folder() / "reference/torchvision_mobilenet_v2_0.35.onnx";
  if (!exists(file)) GTEST_SKIP() << file.filename().string() << " is not here";
  const std::vector<std::uint8_t> bytes = read_file(file);
  const auto archive = read_onnx(bytes, file.string());
  ModelProto model;
  ASSERT_TRUE(model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  std::map<std::string, std::string> data;
  for (const TensorProto& entry : model.graph().initializer()) data[entry.name()] = entry.raw_data();
  int convolutions = 0;
  for (const onnx::NodeProto& node : model.graph().node()) {
    if (node.op_type() != "Conv") continue;
    const std::string name = module_of(node.name());
    const std::vector<std::uint8_t> kernel = archive->read(name + ".weight"), bias = archive->read(name + ".bias");
    EXPECT_EQ(std::string(kernel.begin(), kernel.end()), data.at(node.input(1))) << name;
    EXPECT_EQ(std::string(bias.begin(), bias.end()), data.at(node.input(2))) << name;
    ++convolutions;
  }
  EXPECT_EQ(convolutions, 52);
}

TEST(Onnx, ReadsTorchvisionsOwnExport) {
  const std::filesystem::path file = shared_folder() / "reference/torchvision_mobilenet_v2_0.35.onnx";
  if (!exists(file)) GTEST_SKIP() << file.filename().string() << " is not here";
  const auto archive = read_onnx(read_file(file), file.string());
  ASSERT_EQ(archive->entries().size(), 52U * 2 + 2);
  const std::vector<EncoderConv> convs = mobilenet_v2_convs(0.35);
  for (const EncoderConv& conv : convs) {
    const std::int64_t inputs = conv.role == ConvRole::depthwise ? 1 : conv.inputs;
    const std::string name = encoder_family("torchvision").kernel_name(conv);
    ASSERT_NE(archive->find(name), nullptr) << name;
    EXPECT_EQ(archive->find(name)->shape, (std::vector<std::int64_t>{conv.outputs, inputs, conv.size, conv.size}));
    EXPECT_EQ(archive->find(encoder_family("torchvision").bias_name(conv))->shape,
              (std::vector<std::int64_t>{conv.outputs}));
  }
  EXPECT_EQ(shape_text(*archive, "features.18.0.weight"), "1280x112x1x1");
  EXPECT_EQ(shape_text(*archive, "classifier.1.weight"), "10x1280");
  EXPECT_EQ(archive->metadata().at("padding"), "symmetric 1");
  EXPECT_EQ(archive->metadata().at("batch_norm"), "folded");
}

}  // namespace
}  // namespace karyon
