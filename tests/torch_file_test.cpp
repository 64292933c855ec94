// PyTorch's files: both forms read as they were written, real ones too; every rule has a broken file and its message.
#include "weights/torch_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <ostream>

#include <gtest/gtest.h>

#include "tests/expect_error.h"
#include "tests/parity_file.h"
#include "tests/pickle_writer.h"
#include "tests/seeds.h"
#include "tests/zip_writer.h"

namespace karyon {
namespace {

using namespace pickle;
using Bytes = std::vector<std::uint8_t>;
using Files = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<Archive> read(const Bytes& bytes) { return read_torch(bytes, "the-file"); }
std::unique_ptr<Archive> read_seed(std::size_t which) { return read(torch_seeds()[which].bytes); }

/// A zip whose state dict is this one value, over storage "0" of four floats.
Bytes zip_of(const std::string& value) {
  return zip_in_memory({{"m/data.pkl", whole(value)}, {"m/data/0", std::string(16, '\1')}});
}

std::string four_floats() { return storage("FloatStorage", "0", 4); }
std::string good_tensor() { return tensor(four_floats(), 0, {4}, {1}); }
std::string good_state() { return dict({{"w", good_tensor()}}); }

// What is taken

TEST(TorchFile, BothFormsGiveTheTensorsAsWritten) {
  const std::vector<std::string> containers{"pytorch-zip", "pytorch-legacy"};
  for (std::size_t form = 0; form < 2; ++form) {
    const auto archive = read_seed(form);
    EXPECT_EQ(archive->container(), containers[form]);
    EXPECT_TRUE(archive->metadata().empty());
    ASSERT_EQ(archive->entries().size(), 3U);
    EXPECT_EQ(archive->entries()[0].name, "weight");
    EXPECT_EQ(archive->entries()[0].shape, (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(archive->read_floats("weight"), (std::vector<float>{2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(archive->entries()[1].shape, (std::vector<std::int64_t>{3, 2}));
    EXPECT_EQ(archive->read_floats("transposed"), (std::vector<float>{2, 5, 3, 6, 4, 7}));
    EXPECT_EQ(archive->entries()[2].type, ArchiveType::i64);
    EXPECT_TRUE(archive->entries()[2].shape.empty());
    EXPECT_EQ(archive->read("tracked"), (Bytes{5, 0, 0, 0, 0, 0, 0, 0}));
  }
}

TEST(TorchFile, TakesEveryTypeOfStorage) {
  const std::vector<std::pair<std::string, ArchiveType>> types{{"DoubleStorage", ArchiveType::f64},
                                                               {"FloatStorage", ArchiveType::f32},
                                                               {"HalfStorage", ArchiveType::f16},
                                                               {"BFloat16Storage", ArchiveType::bf16},
                                                               {"LongStorage", ArchiveType::i64}};
  for (const auto& [name, type] : types) {
    const auto count = static_cast<std::int64_t>(16 / element_size(type));
    const auto archive = read(zip_of(dict({{"w", tensor(storage(name, "0", count), 0, {count}, {1})}})));
    EXPECT_EQ(archive->entries()[0].type, type);
    EXPECT_EQ(archive->read("w"), Bytes(16, 1));
  }
}

TEST(TorchFile, TakesWhatLiesUnderStateDictAndPassesOverTheRest) {
  const auto archive = read(zip_of(dict(
      {{"epoch", number(3)}, {"state_dict", good_state()}, {"optimizer", dict({{"m", good_tensor()}, {"lr", "N"}})}})));
  ASSERT_EQ(archive->entries().size(), 1U);
  EXPECT_EQ(archive->entries()[0].name, "w");
}

TEST(TorchFile, TakesOldTensorsEmptyOnesAndViewsThatOverlap) {
  const std::string old = call(global("torch._utils", "_rebuild_tensor"),
                               tuple({four_floats(), number(1), numbers({1, 3}), numbers({0, 1})}));
  const std::string metadata =
      call(global("torch._utils", "_rebuild_tensor_v2"),
           tuple({four_floats(), number(0), numbers({2}), numbers({1}), op(0x89), ordered_dict(), "}"}));
  const auto archive = read(zip_of(dict({{"old", old},
                                         {"with_metadata", metadata},
                                         {"empty", tensor(four_floats(), 4, {0, 3}, {3, 1})},
                                         {"windows", tensor(four_floats(), 0, {2, 2}, {1, 2})}})));
  EXPECT_EQ(archive->read("old").size(), 12U);
  EXPECT_EQ(archive->read("with_metadata").size(), 8U);
  EXPECT_TRUE(archive->read("empty").empty());
  EXPECT_EQ(archive->read("windows").size(), 16U);
  EXPECT_TRUE(read(zip_of("}"))->entries().empty());
}

// What is refused

struct BrokenState {
  const char* name;
  std::string value;  // of the pickle
  const char* message;
};
/// ctest shows a case by this text.
std::ostream& operator<<(std::ostream& stream, const BrokenState& broken) { return stream << broken.name; }

class BrokenStates : public ::testing::TestWithParam<BrokenState> {};

TEST_P(BrokenStates, AreRefusedWithTheirOwnMessage) {
  const std::string message = error_of(Exit::bad_data, [] { read(zip_of(GetParam().value)); });
  EXPECT_EQ(message.rfind("the-file: ", 0), 0U) << message;
  EXPECT_NE(message.find(GetParam().message), std::string::npos) << message;
}

BrokenState view_case(const char* name, std::int64_t offset, const std::vector<std::int64_t>& shape,
                      const std::vector<std::int64_t>& strides, const char* message) {
  return {name, dict({{"w", tensor(four_floats(), offset, shape, strides)}}), message};
}
BrokenState storage_case(const char* name, const std::string& storage, const char* message) {
  return {name, dict({{"w", tensor(storage, 0, {4}, {1})}}), message};
}
BrokenState v2_case(const char* name, const std::string& arguments, const char* message) {
  return {name, dict({{"w", call(global("torch._utils", "_rebuild_tensor_v2"), arguments)}}), message};
}
std::string id(const std::vector<std::string>& items) { return tuple(items) + "Q"; }
std::string nested(int depth) {
  std::string all = ")";
  for (int i = 0; i < depth; ++i) all += op(0x85);
  return all;
}

INSTANTIATE_TEST_SUITE_P(
    Views, BrokenStates,
    ::testing::Values(
        view_case("beyond_the_end", 0, {5}, {1}, "tensor \"w\" of 5 elements ends at element 4 of a storage of 4"),
        view_case("offset_beyond", 1, {4}, {1}, "ends at element 4 of a storage of 4"),
        view_case("strides_beyond", 0, {2, 2}, {3, 1}, "of a storage of 4"),
        view_case("empty_beyond", 5, {0}, {1}, "of a storage of 4"),
        view_case("more_elements_than_the_storage", 0, {3, 2}, {1, 1}, "of 6 elements ends at element 3"),
        view_case("stride_0", 0, {4}, {0}, "the stride 0 along 4"),
        view_case("stride_0_of_2_40", 0, {std::int64_t{1} << 40}, {0}, "the stride 0 along"),
        view_case("negative_stride", 3, {4}, {-1}, "as its strides the number -1"),
        view_case("negative_extent", 0, {-4}, {1}, "as its shape the number -4"),
        view_case("negative_offset", -1, {4}, {1}, "as its offset the number -1"),
        view_case("extent_over_2_53", 0, {INT64_MAX}, {1}, "expected a number from 0 to 2^53"),
        view_case("count_overflows", 0, {std::int64_t{1} << 32, std::int64_t{1} << 32}, {1, 1}, "overflow"),
        view_case("count_overflows_before_0", 0, {std::int64_t{1} << 32, std::int64_t{1} << 32, 0}, {1, 1, 1},
                  "overflow"),
        view_case("count_of_2_63_before_0", 0, {std::int64_t{1} << 32, std::int64_t{1} << 31, 0}, {1, 1, 1},
                  "overflow"),
        view_case("place_far_away", 0, {5, 5}, {std::int64_t{1} << 52, std::int64_t{1} << 53}, "of a storage of 4"),
        view_case("step_overflows", 0, {4097}, {std::int64_t{1} << 52}, "overflow"),
        view_case("rank_9", 0, std::vector<std::int64_t>(9, 1), std::vector<std::int64_t>(9, 1),
                  "a tuple of 9, expected a tuple of at most 8"),
        view_case("too_few_strides", 0, {2, 2}, {1}, "2 extents and 1 strides")),
    [](const auto& broken) { return std::string(broken.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Items, BrokenStates,
    ::testing::Values(
        BrokenState{"a_tensor_alone", good_tensor(), "holds a tensor, expected a state dict"},
        BrokenState{"a_list", list({good_tensor()}), "holds a list"},
        BrokenState{"nested_tuples", nested(1'000'000), "holds a tuple of 1"},
        BrokenState{"name_a_number", "}(" + number(1) + good_tensor() + "u", "has the number 1 as a name"},
        BrokenState{"name_twice", dict({{"w", good_tensor()}, {"w", good_tensor()}}), "tensor \"w\" appears twice"},
        BrokenState{"state_dict_twice", dict({{"state_dict", good_state()}, {"state_dict", good_state()}}),
                    "\"state_dict\" appears twice"},
        BrokenState{"item_a_number", dict({{"w", number(4)}}), "the item \"w\" of the state dict is the number 4"},
        BrokenState{"item_a_dict", dict({{"model", good_state()}}), "\"model\" of the state dict is a dict"},
        BrokenState{"item_a_storage", dict({{"w", four_floats()}}), "is a storage, expected a tensor"},
        BrokenState{"parameter_of_a_parameter", dict({{"w", parameter(parameter(good_tensor()))}}), "is a parameter"},
        BrokenState{"parameter_of_itself",
                    "}(" + text("w") + call(global("torch._utils", "_rebuild_parameter"), tuple({"N", "N", "N"})) + "u",
                    "is None, expected a tensor"},
        BrokenState{"parameter_of_nothing", dict({{"w", call(global("torch._utils", "_rebuild_parameter"), ")")}}),
                    "a parameter of a tuple of 0"},
        v2_case("of_nothing", ")", "made of 0 arguments"),
        v2_case("of_5", tuple({four_floats(), number(0), numbers({4}), numbers({1}), "N"}), "made of 5 arguments"),
        BrokenState{"old_of_5",
                    dict({{"w", call(global("torch._utils", "_rebuild_tensor"),
                                     tuple({four_floats(), number(0), numbers({4}), numbers({1}), "N"}))}}),
                    "made of 5 arguments, expected 4"},
        v2_case("negated",
                tuple({four_floats(), number(0), numbers({4}), numbers({1}), "N", "N", dict({{"neg", op(0x88)}})}),
                "has metadata, a dict, which can change its values"),
        v2_case("in_no_storage", tuple({"N", number(0), numbers({4}), numbers({1}), "N", "N"}), "lies in None"),
        v2_case("offset_a_text", tuple({four_floats(), text("0"), numbers({4}), numbers({1}), "N", "N"}),
                "as its offset \"0\""),
        v2_case("shape_a_list", tuple({four_floats(), number(0), list({number(4)}), numbers({1}), "N", "N"}),
                "as its shape a list")),
    [](const auto& broken) { return std::string(broken.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Storages, BrokenStates,
    ::testing::Values(
        storage_case("shorter_than_said", storage("FloatStorage", "0", 5), "has 16 bytes, but its storage needs 20"),
        storage_case("longer_than_said", storage("HalfStorage", "0", 4), "has 16 bytes, but its storage needs 8"),
        storage_case("missing", storage("FloatStorage", "1", 4), "there is no entry \"m/data/1\""),
        storage_case("elsewhere", storage("FloatStorage", "../data.pkl", 4), "there is no entry"),
        storage_case("of_negative_count", storage("FloatStorage", "0", -4), "as its count the number -4"),
        storage_case("of_2_53", storage("FloatStorage", "0", std::int64_t{1} << 53), "but its storage needs"),
        storage_case("of_integers", storage("IntStorage", "0", 4), R"(asks for "torch.IntStorage")"),
        storage_case("a_view", storage("FloatStorage", "0", 4, ")"), "a view of another one: a tuple of 0"),
        storage_case("of_4_items", id({text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu")}),
                     "not that of a storage"),
        storage_case("of_another_kind",
                     id({text("module"), global("torch", "FloatStorage"), text("0"), text("cpu"), number(4)}),
                     "not that of a storage"),
        storage_case("of_a_function",
                     id({text("storage"), global("torch._utils", "_rebuild_tensor"), text("0"), text("cpu"),
                         number(4)}),
                     "a function as its type"),
        BrokenState{"of_two_types",
                    dict({{"a", good_tensor()}, {"b", tensor(storage("LongStorage", "0", 4), 0, {4}, {1})}}),
                    "two types or two counts"},
        BrokenState{"of_two_counts",
                    dict({{"a", good_tensor()}, {"b", tensor(storage("FloatStorage", "0", 3), 0, {3}, {1})}}),
                    "two types or two counts"}),
    [](const auto& broken) { return std::string(broken.param.name); });

TEST(TorchFile, OneStorageWrittenOutTooOftenIsRefused) {
  std::string value = "}(";
  for (int i = 0; i < 2000; ++i) {
    // The first tensor goes into the memo; the others are it again.
    value += text(std::to_string(i)) +
             (i == 0 ? tensor(storage("FloatStorage", "0", 1 << 12), 0, {1 << 12}, {1}) + "q" + op(0) : "h" + op(0));
  }
  const Bytes file = zip_in_memory({{"m/data.pkl", whole(value + "u")}, {"m/data/0", std::string(1U << 14U, '\1')}});
  expect_error(Exit::bad_data, "over 16 times the file", [&] { read(file); });
}

// The zip

void expect_zip_error(const std::string& part, const Files& files) {
  const std::string message = error_of(Exit::bad_data, [&] { read(zip_in_memory(files)); });
  EXPECT_EQ(message.rfind("the-file: ", 0), 0U) << message;
  EXPECT_NE(message.find(part), std::string::npos) << "expected '" << part << "' in: " << message;
}

TEST(TorchFile, ZipsOfAnotherShapeAreRefused) {
  const std::pair<std::string, std::string> state{"m/data.pkl", whole(good_state())};
  const std::pair<std::string, std::string> data{"m/data/0", std::string(16, '\1')};
  expect_zip_error(R"(two folders, "m/" and "n/")", {state, data, {"n/data.pkl", whole(good_state())}});
  expect_zip_error("entry \"data.pkl\" is in no folder", {{"data.pkl", whole(good_state())}});
  expect_zip_error("without a data.pkl", {data, {"m/archive/data.pkl", whole(good_state())}});
  expect_zip_error("the byte order is \"big\"", {state, data, {"m/byteorder", "big"}});
  expect_zip_error("there is no entry \"m/data/0\"", {state});
  expect_zip_error("data.pkl has 2 bytes behind", {{"m/data.pkl", whole(good_state()) + "N."}, data});
  expect_zip_error("data.pkl: the pickle ends", {{"m/data.pkl", ""}, data});
  expect_zip_error("asks for \"posix.system\"", {{"m/data.pkl", whole(global("posix", "system"))}, data});
  EXPECT_EQ(read(zip_in_memory({state, data, {"m/byteorder", "little"}}))->entries().size(), 1U);
}

TEST(TorchFile, CompressedAndDuplicateEntriesAreRefused) {
  const Files files{{"m/data.pkl", whole(good_state())}, {"m/data/0", std::string(16, '\1')}};
  expect_error(Exit::bad_data, "entry \"m/data.pkl\" is compressed", [&] { read(zip_in_memory(files, true)); });
  Bytes twice = zip_in_memory({files[0], files[1], {"m/data/1", std::string(16, '\2')}});
  const std::string from = "m/data/1";
  for (auto at = twice.begin(); (at = std::search(at, twice.end(), from.begin(), from.end())) != twice.end();) {
    *(at + 7) = '0';
  }
  expect_error(Exit::bad_data, "the-file: m/data/0 stands in the archive twice", [&] { read(twice); });
}

TEST(TorchFile, AnUnreadableFileSaysSo) {
  expect_error(Exit::bad_data, "the-file: neither of PyTorch's forms", [] { read({}); });
  expect_error(Exit::bad_data, "the-file: neither", [] { read({0x80, 4, 'N', '.'}); });
  expect_error(Exit::bad_data, "the-file is no zip", [] { read({'P', 'K', 3, 4, 0}); });
}

// The old stream

struct Stream {
  std::string protocol = whole("M" + bytes_of(1001, 2));
  std::string machine = whole(dict({{"little_endian", op(0x88)}}));
  std::string state = whole(dict({{"w", tensor(storage("FloatStorage", "k", 2, "N"), 0, {2}, {1})}}));
  std::string keys = whole(list({text("k")}));
  std::string storages = bytes_of(2, 8) + std::string(8, '\1');

  [[nodiscard]] Bytes file() const {
    const std::string all = op(0x80) + op(2) + op(0x8a) + op(10) + "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." +
                            protocol + machine + state + keys + storages;
    return {all.begin(), all.end()};
  }
};

void expect_stream_error(const std::string& part, const std::function<void(Stream&)>& spoil) {
  Stream stream;
  spoil(stream);
  const std::string message = error_of(Exit::bad_data, [&] { read(stream.file()); });
  EXPECT_EQ(message.rfind("the-file: ", 0), 0U) << message;
  EXPECT_NE(message.find(part), std::string::npos) << "expected '" << part << "' in: " << message;
}

TEST(TorchFile, StreamsOfAnotherShapeAreRefused) {
  EXPECT_EQ(read(Stream().file())->read("w"), Bytes(8, 1));
  const auto refuse = expect_stream_error;
  refuse("protocol is the number 1000", [](Stream& s) { s.protocol = whole(number(1000)); });
  refuse("protocol is \"1001\"", [](Stream& s) { s.protocol = whole(text("1001")); });
  refuse("little-endian", [](Stream& s) { s.machine = whole(dict({{"little_endian", op(0x89)}})); });
  refuse("little-endian", [](Stream& s) { s.machine = whole("}"); });
  refuse("little-endian", [](Stream& s) { s.machine = whole(list({text("little_endian"), op(0x88)})); });
  refuse("asks for \"posix.system\"", [](Stream& s) { s.state = whole(global("posix", "system")); });
  refuse("holds None", [](Stream& s) { s.state = whole("N"); });
  refuse("has a dict where the list of storages", [](Stream& s) { s.keys = whole("}"); });
  refuse("lists storage \"l\", which no tensor lies in", [](Stream& s) { s.keys = whole(list({text("l")})); });
  refuse("lists storage the number 1", [](Stream& s) { s.keys = whole(list({number(1)})); });
  refuse("does not list storage \"k\"", [](Stream& s) { s.keys = whole("]"); });
  refuse("lists storage \"k\" twice", [](Stream& s) {
    s.keys = whole(list({text("k"), text("k")}));
    s.storages += s.storages;
  });
  refuse("has 3 elements, but the pickle says 2", [](Stream& s) { s.storages = bytes_of(3, 8) + std::string(12, 0); });
  refuse("has -2 elements", [](Stream& s) { s.storages = bytes_of(UINT64_MAX - 1, 8); });
  refuse("goes beyond the file's end", [](Stream& s) { s.storages.pop_back(); });
  refuse("lies beyond the file's end", [](Stream& s) { s.storages.resize(7); });
  refuse("1 bytes behind the last storage", [](Stream& s) { s.storages += 'x'; });
  refuse("without STOP", [](Stream& s) {
    s.keys.pop_back();
    s.storages.clear();
  });
}

TEST(TorchFile, AStreamsStoragesOfPassedOverItemsAreSteppedOver) {
  Stream stream;
  const std::string other = tensor(storage("LongStorage", "m", 1, "N"), 0, {}, {});
  stream.state =
      whole(dict({{"optimizer", dict({{"momentum", other}})},
                  {"state_dict", dict({{"w", tensor(storage("FloatStorage", "k", 2, "N"), 0, {2}, {1})}})}}));
  stream.keys = whole(list({text("m"), text("k")}));
  stream.storages = bytes_of(1, 8) + std::string(8, '\7') + stream.storages;
  const auto archive = read(stream.file());
  ASSERT_EQ(archive->entries().size(), 1U);
  EXPECT_EQ(archive->read("w"), Bytes(8, 1));
}

// Spoiled files

TEST(TorchFile, SpoiledFilesAreRefusedOrWhole) {
  for (const Seed& seed : torch_seeds()) {
    for_each_mutation(seed.bytes, seed.tensor_data, [&](const Bytes& bytes, const std::string& how) {
      EXPECT_EQ(unsafe_reading("the-file", [&] { return read(bytes); }), "") << seed.name << " " << how;
    });
  }
}

TEST(TorchFile, ASpoiledZipNeverGivesOtherTensors) {
  const Seed seed = torch_seeds()[0];
  const auto whole_one = read(seed.bytes);
  int accepted = 0;
  for_each_mutation(seed.bytes, {}, [&](const Bytes& bytes, const std::string& how) {
    try {
      EXPECT_TRUE(same_tensors(*whole_one, *read(bytes))) << how;
      ++accepted;
    } catch (const Error&) {  // judged by the test above
    }
  });
  EXPECT_GT(accepted, 0);  // dates, for one, may change
}

// Real files

std::unique_ptr<Archive> read_saved(const std::filesystem::path& path) {
  return read_torch(read_file(path), path.string());
}

TEST(TorchFile, ReadsATorchvisionStateDict) {
  const std::filesystem::path path = shared_folder() / "reference/torchvision_mobilenet_v2_0.35.pth";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto archive = read_saved(path);
  EXPECT_EQ(archive->container(), "pytorch-zip");
  ASSERT_EQ(archive->entries().size(), 314U);
  EXPECT_EQ(archive->find("features.0.0.weight")->shape, (std::vector<std::int64_t>{16, 3, 3, 3}));
  EXPECT_EQ(archive->find("features.18.1.num_batches_tracked")->type, ArchiveType::i64);
  EXPECT_EQ(archive->find("classifier.1.weight")->shape, (std::vector<std::int64_t>{10, 1280}));
}

TEST(TorchFile, ThePublishedCheckpointIsTheOneFoldedElsewhere) {
  const std::filesystem::path folder = shared_folder() / "data/imagenet";
  const std::filesystem::path path = folder / "mobilenet_v2-b0353104.pth";
  const std::filesystem::path folded_path = folder / "mobilenet_v2.torchvision-folded.safetensors";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  if (!std::filesystem::exists(folded_path)) GTEST_SKIP() << folded_path << " is not there";
  const auto archive = read_saved(path);
  EXPECT_EQ(archive->container(), "pytorch-legacy");
  ASSERT_EQ(archive->entries().size(), 314U);
  const SafetensorsFile folded(folded_path);
  int compared = 0;
  for (const ArchiveEntry& entry : folded.entries()) {
    if (!entry.name.ends_with(".weight")) continue;
    // Batch norm stands behind its convolution: features.0.0 and features.0.1, ...conv.2 and ...conv.3.
    const std::string conv = entry.name.substr(0, entry.name.rfind('.'));
    const std::size_t dot = conv.rfind('.');
    const std::string norm = conv.substr(0, dot + 1) + std::to_string(std::stoi(conv.substr(dot + 1)) + 1);
    const std::vector<float> weight = archive->read_floats(entry.name), expected = folded.read_floats(entry.name);
    const std::vector<float> gamma = archive->read_floats(norm + ".weight");
    const std::vector<float> variance = archive->read_floats(norm + ".running_var");
    ASSERT_EQ(archive->find(entry.name)->shape, entry.shape);
    const std::size_t per_channel = weight.size() / gamma.size();
    float largest = 0;
    for (std::size_t i = 0; i < weight.size(); ++i) {
      const std::size_t channel = i / per_channel;
      const float value = weight[i] * gamma[channel] / std::sqrt(variance[channel] + 1e-5F);
      largest = std::max(largest, std::abs(value - expected[i]));
    }
    EXPECT_LE(largest, 1e-5F) << entry.name;
    ++compared;
  }
  EXPECT_EQ(compared, 52);
}

}  // namespace
}  // namespace karyon
