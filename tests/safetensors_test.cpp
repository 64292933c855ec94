// The container: every rule of the format has a broken file and the message it must give; what is written reads back.
#include "weights/safetensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ostream>

#include <gtest/gtest.h>

#include "engine/files.h"
#include "tests/expect_error.h"
#include "tests/temp_dir.h"
#include "weights/sha256.h"

namespace karyon {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes with_length(std::uint64_t length, const std::string& rest) {
  Bytes file(8 + rest.size());
  std::memcpy(file.data(), &length, 8);
  std::ranges::copy(rest, file.begin() + 8);
  return file;
}

Bytes file_of(const std::string& header, std::size_t data) {
  return with_length(header.size(), header + std::string(data, '\1'));
}

template <typename Number>
Bytes bytes_of(const std::vector<Number>& numbers) {
  Bytes bytes(numbers.size() * sizeof(Number));
  if (!bytes.empty()) std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

struct BrokenFile {
  const char* name;
  Bytes bytes;
  const char* message;
};

/// ctest shows a case by this text.
std::ostream& operator<<(std::ostream& stream, const BrokenFile& broken) { return stream << broken.name; }

class Broken : public ::testing::TestWithParam<BrokenFile> {};

TEST_P(Broken, IsRefusedWithItsOwnMessage) {
  expect_error(Exit::bad_data, GetParam().message, [] { const SafetensorsFile file(GetParam().bytes, "the-file"); });
  expect_error(Exit::bad_data, "the-file", [] { const SafetensorsFile file(GetParam().bytes, "the-file"); });
}

BrokenFile header_case(const char* name, const std::string& header, std::size_t data, const char* message) {
  return {name, file_of(header, data), message};
}

const std::string kGood = tensor("a", "U8", "[2]", "[0,2]");

INSTANTIATE_TEST_SUITE_P(
    Rules, Broken,
    ::testing::Values(
        BrokenFile{"empty", {}, "too short for safetensors: 0 bytes"},
        BrokenFile{"seven_bytes", Bytes(7), "too short for safetensors: 7 bytes"},
        BrokenFile{"header_beyond_file", with_length(20, "{}"), "beyond the end of the file"},
        BrokenFile{"header_over_100_mb", with_length(100'000'001, "{}"), "more than the 100 MB"},
        BrokenFile{"header_length_huge", with_length(UINT64_MAX, "{}"), "more than the 100 MB"},
        BrokenFile{"header_of_length_0", with_length(0, ""), "does not begin with '{'"},
        header_case("begins_with_space", " {}", 0, "does not begin with '{'"),
        header_case("is_a_list", "[]", 0, "does not begin with '{'"),
        header_case("not_json", "{" + kGood, 2, "not valid JSON"),
        header_case("text_behind_the_object", "{} x", 0, "not valid JSON"),
        header_case("number_out_of_range", R"({"a":{"shape":[1e999]}})", 0, "not valid JSON"),
        header_case("bad_utf8", "{" + tensor("a\xff", "U8", "[2]", "[0,2]") + "}", 2, "not UTF-8"),
        header_case("object_too_deep", R"({"a":{"dtype":{"b":1}}})", 0, "nested too deep"),
        header_case("list_too_deep", R"({"a":{"shape":[[[[[1]]]]]}})", 0, "nested too deep"),
        header_case("metadata_too_deep", R"({"__metadata__":{"a":{}}})", 0, "nested too deep"),
        header_case("tensor_twice", "{" + kGood + "," + kGood + "}", 2, R"("a" appears twice)"),
        header_case("metadata_twice", R"({"__metadata__":{},"__metadata__":{}})", 0, "appears twice"),
        header_case("metadata_key_twice", R"({"__metadata__":{"k":"1","k":"1"}})", 0, R"(the key "k" twice)"),
        header_case("field_twice", R"({"a":{"dtype":"U8","dtype":"U8"}})", 0, R"(the key "dtype" twice)"),
        header_case("field_unknown", R"({"a":{"dtype":"U8","strides":[1]}})", 0, R"(unknown field "strides")"),
        header_case("no_dtype", R"({"a":{"shape":[2],"data_offsets":[0,2]}})", 2, "lacks the field 'dtype'"),
        header_case("no_shape", R"({"a":{"dtype":"U8","data_offsets":[0,2]}})", 2, "lacks the field 'shape'"),
        header_case("no_offsets", R"({"a":{"dtype":"U8","shape":[2]}})", 2, "lacks the field 'data_offsets'"),
        header_case("dtype_unknown", "{" + tensor("a", "U128", "[2]", "[0,2]") + "}", 2, R"(unknown dtype "U128")"),
        header_case("dtype_a_number", R"({"a":{"dtype":8}})", 0, "a number as its dtype, expected a string"),
        header_case("dtype_a_list", R"({"a":{"dtype":["U8"]}})", 0, "a list as its dtype, expected a string"),
        header_case("shape_a_string", R"({"a":{"shape":"2"}})", 0, "a string as its shape, expected a list"),
        header_case("shape_null", R"({"a":{"shape":null}})", 0, "null as its shape"),
        header_case("shape_of_booleans", R"({"a":{"shape":[true]}})", 0, "a boolean in its shape"),
        header_case("shape_negative", "{" + tensor("a", "U8", "[-2]", "[0,2]") + "}", 2, "negative number -2"),
        header_case("shape_over_2_53", "{" + tensor("a", "U8", "[9007199254740993]", "[0,2]") + "}", 2, "beyond 2^53"),
        header_case("shape_over_2_64", "{" + tensor("a", "U8", "[99999999999999999999]", "[0,2]") + "}", 2,
                    "expected a whole number up to 2^53"),
        header_case("shape_fraction", "{" + tensor("a", "U8", "[2.0]", "[0,2]") + "}", 2,
                    "2.0 in its shape, expected a whole number"),
        header_case("shape_overflow", "{" + tensor("a", "U8", "[4294967296,4294967296,1]", "[0,2]") + "}", 2,
                    "overflow"),
        // 2^61 elements of 8 bytes: their product is 0 in 64 bits.
        header_case("bytes_overflow", "{" + tensor("a", "F64", "[2147483648,1073741824]", "[0,0]") + "}", 0,
                    "overflow"),
        header_case("shape_overflow_before_0", "{" + tensor("a", "U8", "[4294967296,4294967296,0]", "[0,0]") + "}", 0,
                    "overflow"),
        header_case("offset_negative", "{" + tensor("a", "U8", "[2]", "[-1,1]") + "}", 2, "negative number -1"),
        header_case("offset_over_2_53", "{" + tensor("a", "U8", "[2]", "[0,9007199254740994]") + "}", 2, "beyond 2^53"),
        header_case("offset_fraction", "{" + tensor("a", "U8", "[2]", "[0,1e1]") + "}", 2, "1e1 in its data_offsets"),
        header_case("one_offset", "{" + tensor("a", "U8", "[2]", "[2]") + "}", 2, "has 1 data_offsets, expected 2"),
        header_case("three_offsets", "{" + tensor("a", "U8", "[2]", "[0,1,2]") + "}", 2, "has 3 data_offsets"),
        header_case("begin_after_end", "{" + tensor("a", "U8", "[2]", "[2,0]") + "}", 2, "ends before it begins"),
        header_case("end_beyond_file", "{" + tensor("a", "U8", "[3]", "[0,3]") + "}", 2, "beyond the end of the data"),
        header_case("size_of_another_dtype", "{" + tensor("a", "F32", "[2]", "[0,2]") + "}", 2, "need 8 bytes"),
        header_case("size_of_another_shape", "{" + tensor("a", "U8", "[1]", "[0,2]") + "}", 2, "need 1 bytes"),
        header_case("size_of_a_scalar", "{" + tensor("a", "U8", "[]", "[0,2]") + "}", 2, "need 1 bytes"),
        header_case("hole_at_the_start", "{" + tensor("a", "U8", "[1]", "[1,2]") + "}", 2, "a hole of 1 bytes"),
        header_case("hole_between", "{" + kGood + "," + tensor("b", "U8", "[1]", "[5,6]") + "}", 6,
                    R"(a hole of 3 bytes before tensor "b")"),
        header_case("overlap", "{" + kGood + "," + tensor("b", "U8", "[2]", "[1,3]") + "}", 3, R"("b" overlaps)"),
        header_case("same_bytes", "{" + kGood + "," + tensor("b", "U8", "[2]", "[0,2]") + "}", 2, R"("b" overlaps)"),
        header_case("trailing_bytes", "{" + kGood + "}", 5, "3 trailing bytes"),
        header_case("trailing_without_tensors", "{}", 1, "1 trailing bytes"),
        header_case("metadata_number", R"({"__metadata__":{"k":1}})", 0, R"(a number under "k", expected a string)"),
        header_case("metadata_null", R"({"__metadata__":{"k":null}})", 0, R"(null under "k", expected a string)"),
        header_case("metadata_list", R"({"__metadata__":{"k":[]}})", 0, R"(a list under "k", expected a string)"),
        header_case("metadata_a_string", R"({"__metadata__":"k"})", 0, "expected an object"),
        header_case("tensor_a_list", R"({"a":[1]})", 0, R"(a list under "a", expected an object)"),
        header_case("tensor_null", R"({"a":null})", 0, R"(null under "a", expected an object)")),
    [](const auto& broken) { return std::string(broken.param.name); });

TEST(Safetensors, ControlCharactersOfANameDoNotReachTheTerminal) {
  const Bytes bytes = file_of("{" + tensor("\\u001b[2J\\u009b", "U8", "[1]", "[0,2]") + "}", 2);
  const std::string message = error_of(Exit::bad_data, [&] { const SafetensorsFile file(bytes, "f"); });
  EXPECT_TRUE(std::ranges::all_of(message, [](char letter) { return letter >= ' ' && letter <= '~'; })) << message;
  EXPECT_NE(message.find("\\u001b[2J\\u009b"), std::string::npos) << message;
}

TEST(Safetensors, ReadsWhatTheFormatAllows) {
  const SafetensorsFile empty(file_of("{}", 0), "f");
  EXPECT_TRUE(empty.entries().empty());
  EXPECT_TRUE(empty.tensor_bytes().empty());

  // Any order in the header, spaces behind it, scalars, tensors without elements.
  const SafetensorsFile file(
      file_of("{" + tensor("b", "I16", "[]", "[2,4]") + "," + tensor("none", "F32", "[3,0]", "[4,4]") + "," + kGood +
                  R"(,"__metadata__":{"k":"v"}}   )",
              4),
      "f");
  ASSERT_EQ(file.entries().size(), 3U);
  EXPECT_EQ(file.entries()[0].name, "a");
  EXPECT_EQ(file.entries()[1].name, "b");
  EXPECT_EQ(file.entries()[1].count(), 1);
  EXPECT_EQ(file.entries()[2].count(), 0);
  EXPECT_TRUE(file.read("none").empty());
  EXPECT_EQ(file.read("b"), (Bytes{1, 1}));
  EXPECT_EQ(file.metadata().at("k"), "v");
  EXPECT_EQ(file.container(), "safetensors");
  expect_error(Exit::bad_data, "no tensor \"c\"", [&] { static_cast<void>(file.read("c")); });
  expect_error(Exit::bad_data, "no tensor \"c\"", [&] { static_cast<void>(file.read_floats("c")); });
  expect_error(Exit::bad_data, "holds integers", [&] { static_cast<void>(file.read_floats("b")); });
}

TEST(Safetensors, WritesTheBytesOfTheFormat) {
  const Bytes data{7, 8};
  const std::vector<SafetensorsTensor> tensors{{"z", ArchiveType::u8, {2}, data}, {"a", ArchiveType::i8, {0}, {}}};
  const Bytes file = encode_safetensors(tensors, {{"k", "v"}, {"b", "w"}});
  const std::string header = R"({"__metadata__":{"b":"w","k":"v"},"z":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                             R"("a":{"dtype":"I8","shape":[0],"data_offsets":[2,2]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(file, with_length(padded.size(), padded + "\7\10"));
  EXPECT_EQ(file, encode_safetensors(tensors, {{"b", "w"}, {"k", "v"}}));
}

TEST(Safetensors, EveryTypeReadsBackFromAFile) {
  const Bytes f64 = bytes_of<double>({1.5, -1e300});
  const Bytes f32 = bytes_of<float>({0.1F, INFINITY, -0.0F});
  const Bytes f16 = bytes_of<std::uint16_t>({0x3C00, 0xC000, 0x0001, 0x7BFF, 0xFC00, 0x7E00, 0x8000});
  const Bytes bf16 = bytes_of<std::uint16_t>({0x3F80, 0xC040, 0x7F80});
  const Bytes i64 = bytes_of<std::int64_t>({-5, INT64_MAX});
  const Bytes eight = bytes_of<std::uint8_t>({0, 1});
  const std::vector<SafetensorsTensor> tensors{
      {"eight", ArchiveType::u8, {2, 1}, eight}, {"bool", ArchiveType::boolean, {2}, eight},
      {"f64", ArchiveType::f64, {2}, f64},       {"f32", ArchiveType::f32, {1, 3}, f32},
      {"f16", ArchiveType::f16, {7}, f16},       {"bf16", ArchiveType::bf16, {3}, bf16},
      {"i64", ArchiveType::i64, {2}, i64},       {"i32", ArchiveType::i32, {4}, i64},
      {"i16", ArchiveType::i16, {8}, i64},       {"i8", ArchiveType::i8, {16}, i64}};
  const TempDir dir;
  write_file(dir / "t", encode_safetensors(tensors, {}));
  const SafetensorsFile file(dir / "t");
  ASSERT_EQ(file.entries().size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(file.entries()[i].name, tensors[i].name);
    EXPECT_EQ(file.entries()[i].type, tensors[i].type);
    EXPECT_EQ(file.entries()[i].shape, tensors[i].shape);
    EXPECT_EQ(file.read(tensors[i].name), Bytes(tensors[i].bytes.begin(), tensors[i].bytes.end()));
  }
  EXPECT_EQ(file.read_floats("f64"), (std::vector<float>{1.5F, -INFINITY}));
  EXPECT_EQ(bytes_of(file.read_floats("f32")), f32);
  const std::vector<float> halves = file.read_floats("f16");
  EXPECT_EQ((std::vector<float>(halves.begin(), halves.begin() + 5)),
            (std::vector<float>{1, -2, 0x1p-24F, 65504, -INFINITY}));
  EXPECT_TRUE(std::isnan(halves[5]));
  EXPECT_TRUE(std::signbit(halves[6]) && halves[6] == 0);
  EXPECT_EQ(file.read_floats("bf16"), (std::vector<float>{1, -3, INFINITY}));
}

TEST(Safetensors, WriterRefusesWhatWouldNotReadBack) {
  const Bytes two(2);
  using Tensors = std::vector<SafetensorsTensor>;
  const auto expect_refused = [](const Tensors& tensors, const std::map<std::string, std::string>& metadata) {
    error_of(Exit::internal, [&] { encode_safetensors(tensors, metadata); });
  };
  expect_refused({{"a", ArchiveType::u8, {2}, two}, {"a", ArchiveType::u8, {2}, two}}, {});
  expect_refused({{"a", ArchiveType::u8, {3}, two}}, {});
  expect_refused({{"__metadata__", ArchiveType::u8, {2}, two}}, {});
  expect_refused({{"\xff", ArchiveType::u8, {2}, two}}, {});
  expect_refused({}, {{"k", "\xff"}});
}

Bytes small_file() {
  const Bytes data = bytes_of<float>({1, 2, 3, 4, 5, 6});
  const std::span<const std::uint8_t> all(data);
  return encode_safetensors(std::vector<SafetensorsTensor>{{"one/kernel", ArchiveType::f32, {2, 2}, all.first(16)},
                                                           {"two", ArchiveType::u8, {8}, all.last(8)}},
                            {{"format", "1"}, {"text", "\xc3\xa9"}});
}

/// True when the bytes were taken as an archive; each of its tensors is then read. Any exception but bad_data escapes.
bool is_accepted(const Bytes& bytes) {
  try {
    const SafetensorsFile file(bytes, "mutant");
    for (const ArchiveEntry& entry : file.entries()) {
      EXPECT_EQ(file.read(entry.name).size(), static_cast<std::size_t>(entry.count()) * element_size(entry.type));
    }
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::bad_data) << error.what();
    return false;
  }
}

TEST(SafetensorsMutation, EveryTruncationIsRefused) {
  const Bytes whole = small_file();
  ASSERT_TRUE(is_accepted(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(is_accepted(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)))) << size;
  }
}

TEST(SafetensorsMutation, EveryChangedHeaderByteIsRefusedOrHarmless) {
  const Bytes whole = small_file();
  const std::size_t header_end = whole.size() - 24;
  int accepted = 0;
  for (std::size_t at = 0; at < header_end; ++at) {
    for (int flip = 1; flip < 256; ++flip) {
      Bytes mutant = whole;
      mutant[at] = static_cast<std::uint8_t>(mutant[at] ^ flip);
      const bool taken = is_accepted(mutant);
      EXPECT_FALSE(taken && at < 8) << "length byte " << at;
      accepted += taken ? 1 : 0;
    }
  }
  // Letters of names and of metadata may change without harm.
  EXPECT_GT(accepted, 0);
}

TEST(Sha256, KnownAnswers) {
  // FIPS 180-4's own examples.
  const auto of = [](std::string_view text) {
    return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  EXPECT_EQ(of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 parts;
  for (const std::uint8_t letter : Bytes{'a', 'b', 'c'}) parts.update({&letter, 1});
  EXPECT_EQ(parts.hex(), of("abc"));
}

}  // namespace
}  // namespace karyon
