// The reader of pickles: it takes what torch.save writes, and refuses every other opcode and global by name.
#include "weights/pickle.h"

#include <algorithm>
#include <ostream>

#include <gtest/gtest.h>

#include "tests/expect_error.h"
#include "tests/pickle_writer.h"

namespace karyon {
namespace {

using namespace pickle;

Pickle read(const std::string& bytes) {
  const std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  return read_pickle(copy, "the-file");
}

struct BrokenPickle {
  const char* name;
  std::string bytes;
  const char* message;
};

/// ctest shows a case by this text.
std::ostream& operator<<(std::ostream& stream, const BrokenPickle& broken) { return stream << broken.name; }

class Broken : public ::testing::TestWithParam<BrokenPickle> {};

TEST_P(Broken, IsRefusedWithItsOwnMessage) {
  const std::string message = error_of(Exit::bad_data, [] { read(GetParam().bytes); });
  EXPECT_EQ(message.rfind("the-file: the pickle ", 0), 0U) << message;
  EXPECT_NE(message.find(GetParam().message), std::string::npos) << message;
}

std::string repeat(const std::string& piece, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += piece;
  return all;
}

/// A function called with one text, as an attack does.
std::string attack(const std::string& module, const std::string& name) {
  return whole(call(global(module, name), tuple({text("echo")})));
}

INSTANTIATE_TEST_SUITE_P(
    Attacks, Broken,
    ::testing::Values(
        BrokenPickle{"system", attack("posix", "system"),
                     R"(asks for "posix.system", which no state dict needs; nothing)"},
        BrokenPickle{"os_system", attack("os", "system"), R"(asks for "os.system")"},
        BrokenPickle{"eval", attack("builtins", "eval"), R"(asks for "builtins.eval")"},
        BrokenPickle{"python_2_eval", attack("__builtin__", "eval"), R"(asks for "__builtin__.eval")"},
        BrokenPickle{"getattr", attack("builtins", "getattr"), R"(asks for "builtins.getattr")"},
        BrokenPickle{"copyreg", attack("copyreg", "_reconstructor"), R"(asks for "copyreg._reconstructor")"},
        BrokenPickle{"whole_module", attack("torchvision.models.mobilenetv2", "MobileNetV2"), "save its state_dict()"},
        BrokenPickle{"attribute_of_a_known_one", attack("collections", "OrderedDict.__init__"),
                     R"(asks for "collections.OrderedDict.__init__")"},
        BrokenPickle{"module_split_elsewhere", whole(global("torch._utils._rebuild_tensor_v2", "")), "asks for"},
        BrokenPickle{"control_characters", whole(global("\x1b[2J", "x")), R"("\u001b[2J.x")"},
        BrokenPickle{"inst", whole("(iposix\nsystem\n"), "opcode 105"},
        BrokenPickle{"obj", whole("(" + global("collections", "OrderedDict") + "o"), "opcode 111"},
        BrokenPickle{"newobj", whole(global("collections", "OrderedDict") + ")" + op(0x81)), "opcode 129"},
        BrokenPickle{"ext1", whole(op(0x82) + op(1)), "opcode 130"},
        BrokenPickle{"ext2", whole(op(0x83) + bytes_of(1, 2)), "opcode 131"},
        BrokenPickle{"ext4", whole(op(0x84) + bytes_of(1, 4)), "opcode 132"},
        BrokenPickle{"persid", whole("Pposix\n"), "opcode 80"},
        BrokenPickle{"long4", whole(op(0x8b) + bytes_of(0xFFFFFFFF, 4)), "opcode 139"},
        BrokenPickle{"stack_global", whole(text("posix") + text("system") + op(0x93)), "opcode 147"},
        BrokenPickle{"duplicate", whole("]2"), "opcode 50"},
        BrokenPickle{"protocol_within", whole(op(0x80) + op(2) + "N"), "opcode 128"}),
    [](const auto& broken) { return std::string(broken.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Machine, Broken,
    ::testing::Values(
        BrokenPickle{"empty", "", "without STOP"},
        BrokenPickle{"text_file", "hello", "does not begin with a protocol"},
        BrokenPickle{"protocol_0", "N.", "does not begin with a protocol"},
        BrokenPickle{"protocol_4", op(0x80) + op(4) + "N.", "is of protocol 4, expected 2"},
        BrokenPickle{"no_stop", op(0x80) + op(2) + "N", "without STOP"},
        BrokenPickle{"no_value", whole(""), "stops with 0 values"},
        BrokenPickle{"two_values", whole("NN"), "stops with 2 values"},
        BrokenPickle{"mark_at_the_end", whole("N("), "stops with"},
        BrokenPickle{"text_of_4_gb", whole("X" + bytes_of(0xFFFFFFFF, 4)), "a text of 4294967295 bytes"},
        BrokenPickle{"text_over_4_kb", whole(text(std::string(4097, 'x'))), "a text of 4097 bytes"},
        BrokenPickle{"text_beyond_the_end", whole("X" + bytes_of(100, 4)), "ends within an opcode"},
        BrokenPickle{"text_not_utf8", whole(text("a\xff")), "not UTF-8"},
        BrokenPickle{"name_without_end", whole("ccollections"), "a name without an end"},
        BrokenPickle{"name_over_4_kb", whole(global(std::string(5000, 'x'), "y")), "a name without an end"},
        BrokenPickle{"number_of_9_bytes", whole(op(0x8a) + op(9) + std::string(9, '\1')), "an integer of 9 bytes"},
        BrokenPickle{"number_cut_short", op(0x80) + op(2) + "J" + bytes_of(1, 3), "ends within an opcode"},
        BrokenPickle{"fraction_cut_short", op(0x80) + op(2) + "G" + bytes_of(1, 7), "ends within an opcode"},
        BrokenPickle{"append_to_nothing", whole("N" + std::string("a")), "takes a value where there is none"},
        BrokenPickle{"append_to_none", whole("NNa"), "appends to None"},
        BrokenPickle{"append_to_a_tuple", whole(")Na"), "appends to a tuple of 0"},
        BrokenPickle{"appends_to_a_dict", whole("}(Ne"), "appends to a dict"},
        BrokenPickle{"set_item_of_a_list", whole("]NNs"), "sets items of a list"},
        BrokenPickle{"key_without_value", whole("}(Nu"), "a key without its value"},
        BrokenPickle{"set_item_of_too_few", whole("Ns"), "takes 2 values where there are fewer"},
        BrokenPickle{"tuple_without_mark", whole("Nt"), "a mark that it did not set"},
        BrokenPickle{"tuple1_of_nothing", whole(op(0x85)), "takes 1 values where there are fewer"},
        BrokenPickle{"tuple2_over_a_mark", whole("N(N" + op(0x86)), "takes 2 values where there are fewer"},
        BrokenPickle{"put_of_nothing", whole("q" + op(0)), "takes a value where there is none"},
        BrokenPickle{"put_far_away", whole("Nr" + bytes_of(0xFFFFFFFF, 4)), "place 4294967295 of its memo, expected 0"},
        BrokenPickle{"put_again", whole("Nq" + op(0) + "q" + op(0)), "place 0 of its memo, expected 1"},
        BrokenPickle{"get_of_nothing", whole("h" + op(3)), "reads place 3 of its memo"},
        BrokenPickle{"long_get_of_nothing", whole("j" + bytes_of(70000, 4)), "reads place 70000 of its memo"},
        BrokenPickle{"call_of_nothing", whole(")R"), "takes a value where there is none"},
        BrokenPickle{"call_of_a_text", whole(text("print") + ")R"), R"(calls "print")"},
        BrokenPickle{"call_of_a_call", whole(ordered_dict() + ")R"), "calls a dict"},
        BrokenPickle{"call_with_a_list", whole(global("collections", "OrderedDict") + "]R"), "calls a function with a list"},
        BrokenPickle{"ordered_dict_of_items", whole(call(global("collections", "OrderedDict"), tuple({"]"}))),
                     "an OrderedDict of arguments"},
        BrokenPickle{"call_of_a_storage", whole(call(global("torch", "FloatStorage"), ")")), "a kind of storage"},
        BrokenPickle{"persistent_text", whole(text("x") + "Q"), R"(has as a persistent id "x")"},
        BrokenPickle{"build_of_nothing", whole("}b"), "takes a value where there is none"},
        BrokenPickle{"build_of_a_tuple", whole(")}b"), "sets attributes of a tuple"},
        BrokenPickle{"too_many_values", whole("(" + repeat(")", (1U << 20U) + 1) + "t"), "2^20 values"},
        BrokenPickle{"nested_too_deep", whole(")" + repeat(op(0x85), 1U << 20U)), "more than 2^20 values"},
        BrokenPickle{"stack_too_high", whole("Nq" + op(0) + repeat("h" + op(0), 1U << 20U)), "on its stack"},
        BrokenPickle{"too_many_marks", whole(repeat("(", (1U << 20U) + 1)), "2^20 marks"},
        BrokenPickle{"too_many_puts", [] {
          std::string all = "N";
          for (unsigned i = 0; i <= 1U << 20U; ++i) all += "r" + bytes_of(i, 4);
          return whole(all);
        }(), "2^20 places in its memo"}),
    [](const auto& broken) { return std::string(broken.param.name); });

TEST(Pickle, EveryOpcodeOutsideOfTheTableIsRefused) {
  const std::string known = ".(cRbQNJKMGX)t]ae}suqrhj\x88\x89\x8a\x85\x86\x87";
  for (int code = 0; code < 256; ++code) {
    if (known.find(op(code)) != std::string::npos) continue;
    expect_error(Exit::bad_data, "the opcode " + std::to_string(code) + ", which no state dict needs",
                 [&] { read(whole(op(code))); });
  }
}

TEST(Pickle, ReadsTheValuesThatPythonWrites) {
  const Pickle p =
      read(whole(tuple({"N", op(0x88), op(0x89), "K" + op(255), "M" + bytes_of(65535, 2), "J" + bytes_of(0xFFFFFFFE, 4),
                        number(INT64_MIN), op(0x8a) + op(2) + bytes_of(0xFF7F, 2), op(0x8a) + op(0),
                        "G" + std::string(8, '\1'), text("\xC3\xA4"), ")"})));
  const PickleValue& root = p.at(p.root);
  ASSERT_EQ(root.kind, PickleKind::tuple);
  ASSERT_EQ(root.items.size(), 12U);
  const auto item = [&](std::size_t i) -> const PickleValue& { return p.at(root.items[i]); };
  EXPECT_EQ(item(0).kind, PickleKind::none);
  EXPECT_EQ(describe(item(1)), "True");
  EXPECT_EQ(describe(item(2)), "False");
  const std::vector<std::int64_t> numbers{255, 65535, -2, INT64_MIN, -129, 0};
  for (std::size_t i = 0; i < numbers.size(); ++i) EXPECT_EQ(item(3 + i).integer, numbers[i]);
  EXPECT_EQ(describe(item(9)), "a fraction");
  EXPECT_EQ(item(10).text, "\xC3\xA4");
  EXPECT_EQ(describe(item(11)), "a tuple of 0");
}

TEST(Pickle, TheMemoGivesTheSameValueAgain) {
  const Pickle p =
      read(whole("]q" + op(0) + "(" + text("x") + "r" + bytes_of(1, 4) + "h" + op(1) + "j" + bytes_of(1, 4) + "e"));
  const PickleValue& root = p.at(p.root);
  ASSERT_EQ(root.items.size(), 3U);
  EXPECT_EQ(root.items[0], root.items[1]);
  EXPECT_EQ(root.items[0], root.items[2]);
}

TEST(Pickle, ADictKeepsItsItemsThroughItsAttributes) {
  const Pickle p = read(whole(ordered_dict() + "(" + text("a") + "N" + text("b") + "Nu" + text("c") + "Ns" +
                              dict({{"_metadata", ordered_dict()}}) + "b"));
  ASSERT_EQ(p.at(p.root).kind, PickleKind::dict);
  ASSERT_EQ(p.at(p.root).items.size(), 6U);
  EXPECT_EQ(p.at(p.at(p.root).items[4]).text, "c");
}

TEST(Pickle, EndsAtItsStop) {
  EXPECT_EQ(read(whole("N") + "more").size, 4U);
  const Pickle p = read(whole(tuple({"NN" + op(0x86), "NNN" + op(0x87)})));
  EXPECT_EQ(describe(p.at(p.at(p.root).items[0])), "a tuple of 2");
  EXPECT_EQ(describe(p.at(p.at(p.root).items[1])), "a tuple of 3");
}

TEST(Pickle, AMemoBombStaysSmall) {
  // Each tuple holds the one before twice: 2^60 values if they were written out.
  std::string bomb = ")q" + op(0);
  for (int i = 0; i < 60; ++i) bomb += "h" + op(i) + "h" + op(i) + op(0x86) + "q" + op(i + 1);
  const Pickle p = read(whole("(" + bomb + "t"));
  EXPECT_EQ(p.values.size(), 62U);
}

TEST(Pickle, DepthAndCyclesCostNothing) {
  EXPECT_EQ(read(whole(")" + repeat(op(0x85), 1'000'000))).values.size(), 1'000'001U);
  const Pickle cycle = read(whole("]q" + op(0) + "h" + op(0) + "a"));
  EXPECT_EQ(cycle.at(cycle.root).items, std::vector<PickleRef>{cycle.root});
}

}  // namespace
}  // namespace karyon
