// Karyon's own checkpoint: what is saved is what is loaded, bit for bit, and nothing else is taken for one.
#include "weights/checkpoint.h"

#include <bit>
#include <clocale>
#include <cmath>
#include <cstring>
#include <locale>

#include <gtest/gtest.h>

#include "engine/files.h"
#include "tests/expect_error.h"
#include "tests/temp_dir.h"
#include "weights/safetensors.h"
#include "weights/sha256.h"

namespace karyon {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Metadata = std::map<std::string, std::string>;

Checkpoint example() {
  Checkpoint checkpoint;
  checkpoint.width = 0.35;
  checkpoint.decoder_filters = {32, 24, 16, 8};
  checkpoint.classes = 3;
  checkpoint.image_height = 96;
  checkpoint.image_width = 160;
  checkpoint.encoder_family = "tf-slim";
  checkpoint.padding = "symmetric";
  checkpoint.activation = "relu";
  checkpoint.normalisation_name = "(x/255-mean)/std";
  checkpoint.normalisation = {{0.1F, 1.0F / 3.0F, 1e-30F}, {-1.0F, 0.30000001F, -0.0F}};
  checkpoint.encoder_batch_norm = {1e-5, 0.9};
  checkpoint.decoder_batch_norm = {1.0 / 3.0, 0.99};
  checkpoint.threshold = 0.1;
  checkpoint.epoch = 12;
  checkpoint.scores = {{"val_iou", 2.0 / 3.0}, {"loss", 1e-7}, {"val accuracy, %", 96.1}};
  checkpoint.activation_ranges = {{"Conv1", {0, 6}}, {"block_1_project", {-1.0F / 3.0F, 1e9F}}};
  checkpoint.tensors = {{"encoder/Conv1/kernel", {1, 2, 2, 1}, {0.1F, -0.0F, 1e-42F, 3e38F}},
                        {"head/bias", {2}, {-1.5F, 2}},
                        {"empty", {0, 3}, {}}};
  return checkpoint;
}

Bytes value_bytes(const std::vector<float>& values) {
  Bytes bytes(values.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

void expect_same(const Checkpoint& a, const Checkpoint& b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.decoder_filters, b.decoder_filters);
  EXPECT_EQ(a.classes, b.classes);
  EXPECT_EQ(a.image_height, b.image_height);
  EXPECT_EQ(a.image_width, b.image_width);
  EXPECT_EQ(a.encoder_family, b.encoder_family);
  EXPECT_EQ(a.padding, b.padding);
  EXPECT_EQ(a.activation, b.activation);
  EXPECT_EQ(a.normalisation_name, b.normalisation_name);
  for (int channel = 0; channel < 3; ++channel) {
    EXPECT_EQ(std::bit_cast<int>(a.normalisation.scale[channel]), std::bit_cast<int>(b.normalisation.scale[channel]));
    EXPECT_EQ(std::bit_cast<int>(a.normalisation.shift[channel]), std::bit_cast<int>(b.normalisation.shift[channel]));
  }
  EXPECT_EQ(a.encoder_batch_norm.epsilon, b.encoder_batch_norm.epsilon);
  EXPECT_EQ(a.encoder_batch_norm.momentum, b.encoder_batch_norm.momentum);
  EXPECT_EQ(a.decoder_batch_norm.epsilon, b.decoder_batch_norm.epsilon);
  EXPECT_EQ(a.decoder_batch_norm.momentum, b.decoder_batch_norm.momentum);
  EXPECT_EQ(a.threshold, b.threshold);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.scores, b.scores);
  EXPECT_EQ(a.activation_ranges, b.activation_ranges);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    EXPECT_EQ(a.tensors[i].name, b.tensors[i].name);
    EXPECT_EQ(a.tensors[i].shape, b.tensors[i].shape);
    EXPECT_EQ(value_bytes(a.tensors[i].values), value_bytes(b.tensors[i].values));
  }
}

/// The same tensors under other metadata, as bytes.
Bytes with_metadata(const Bytes& bytes, const Metadata& metadata) {
  const SafetensorsFile file(bytes, "f");
  std::vector<Bytes> data;
  for (const ArchiveEntry& entry : file.entries()) data.push_back(file.read(entry.name));
  std::vector<SafetensorsTensor> tensors;
  for (const ArchiveEntry& entry : file.entries()) {
    tensors.push_back({entry.name, entry.type, entry.shape, data[tensors.size()]});
  }
  return encode_safetensors(tensors, metadata);
}

struct CheckpointFile : ::testing::Test {
  static Checkpoint load(const Bytes& bytes) { return decode_checkpoint(bytes, "the-file"); }
  static void expect_refused(const Bytes& bytes, const std::string& part) {
    expect_error(Exit::bad_data, part, [&] { static_cast<void>(load(bytes)); });
  }

  TempDir dir;
  std::filesystem::path path = dir / "best.safetensors";
  Bytes good = encode_checkpoint(example());
  Metadata metadata = SafetensorsFile(good, "f").metadata();
};

TEST_F(CheckpointFile, LoadsWhatWasSaved) {
  save_checkpoint(path, example());
  const Checkpoint loaded = load_checkpoint(path);
  expect_same(loaded, example());
  EXPECT_EQ(dir.names(), std::vector<std::string>{"best.safetensors"});
}

TEST_F(CheckpointFile, SameContentSameBytes) {
  save_checkpoint(path, example());
  EXPECT_EQ(read_file(path), good);
  EXPECT_EQ(encode_checkpoint(load_checkpoint(path)), good);
}

TEST_F(CheckpointFile, MetadataSayWhatOthersRead) {
  EXPECT_EQ(metadata.at("karyon_format"), "1");
  EXPECT_EQ(metadata.at("architecture"), "mobilenet_v2_unet");
  EXPECT_EQ(metadata.at("decoder_filters"), "32,24,16,8");
  EXPECT_EQ(metadata.at("image_size"), "96,160");
  EXPECT_EQ(metadata.at("width"), "0.35");
  EXPECT_EQ(metadata.at("score.loss"), "1e-07");
  Bytes data;
  for (const NamedArray& array : example().tensors) {
    const Bytes part = value_bytes(array.values);
    data.insert(data.end(), part.begin(), part.end());
  }
  EXPECT_EQ(metadata.at("sha256"), sha256_hex(data));
}

struct DecimalComma final : std::numpunct<char> {
  [[nodiscard]] char do_decimal_point() const override { return ','; }
  [[nodiscard]] char do_thousands_sep() const override { return '.'; }
  [[nodiscard]] std::string do_grouping() const override { return "\1"; }
};

TEST_F(CheckpointFile, LocaleChangesNothing) {
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new DecimalComma));
  std::setlocale(LC_NUMERIC, "de_DE.UTF-8");  // where the system has it, C functions are tried too
  const Bytes bytes = encode_checkpoint(example());
  const Checkpoint loaded = load(bytes);
  std::setlocale(LC_NUMERIC, "C");
  std::locale::global(before);
  EXPECT_EQ(bytes, good);
  expect_same(loaded, example());
}

TEST_F(CheckpointFile, EveryFieldIsNeeded) {
  for (const auto& [key, value] : metadata) {
    if (key.starts_with("score.") || key.starts_with("range.") || key == "scale" || key == "marker_threshold") continue;
    Metadata less = metadata;
    less.erase(key);
    expect_refused(with_metadata(good, less),
                   key == "karyon_format" ? "not a checkpoint of Karyon's" : "lacks the field " + key);
  }
}

TEST_F(CheckpointFile, WithoutAScalePicturesAreResized) {
  Metadata older = metadata;
  older.erase("scale");
  EXPECT_EQ(decode_checkpoint(with_metadata(good, older), "older").scale, "resized");
  Metadata native = metadata;
  native["scale"] = "native";
  EXPECT_EQ(decode_checkpoint(with_metadata(good, native), "native").scale, "native");
}

TEST_F(CheckpointFile, EveryFieldIsChecked) {
  const std::vector<std::pair<std::string, std::string>> wrong{{"karyon_format", "one"},
                                                               {"scale", "half"},
                                                               {"karyon_format", "0"},
                                                               {"architecture", "unet3d"},
                                                               {"width", "0"},
                                                               {"width", "1,0"},
                                                               {"width", "nan"},
                                                               {"width", "1.0 "},
                                                               {"width", ""},
                                                               {"decoder_filters", ""},
                                                               {"decoder_filters", "512,"},
                                                               {"decoder_filters", "512,,64"},
                                                               {"decoder_filters", "512,-1"},
                                                               {"decoder_filters", "1.5"},
                                                               {"decoder_filters", "99999999999"},
                                                               {"classes", "0"},
                                                               {"image_size", "128"},
                                                               {"image_size", "128,128,3"},
                                                               {"image_size", "0,128"},
                                                               {"padding", "valid"},
                                                               {"activation", "gelu"},
                                                               {"normalisation_scale", "1,1"},
                                                               {"normalisation_scale", "1,inf,1"},
                                                               {"normalisation_shift", "1,,1"},
                                                               {"encoder_bn_epsilon", "-1"},
                                                               {"encoder_bn_momentum", "2"},
                                                               {"decoder_bn_epsilon", "inf"},
                                                               {"decoder_bn_momentum", "x"},
                                                               {"threshold", "1.5"},
                                                               {"threshold", "0x1"},
                                                               {"epoch", "-1"},
                                                               {"epoch", "1e3"},
                                                               {"score.loss", "nan"},
                                                               {"range.Conv1", "6"},
                                                               {"range.Conv1", "0,nan"},
                                                               {"range.Conv1", "0,1e10"}};
  for (const auto& [key, value] : wrong) {
    Metadata changed = metadata;
    changed[key] = value;
    expect_refused(with_metadata(good, changed),
                   std::string(key).append(" is \"").append(value).append("\", expected "));
  }
}

TEST_F(CheckpointFile, NewerFormatNamesBothVersions) {
  metadata["karyon_format"] = "2";
  metadata.erase("sha256");  // a newer format may say things in another way
  expect_refused(with_metadata(good, metadata), "has checkpoint format 2, this program reads up to 1");
}

TEST_F(CheckpointFile, OtherFilesAreNoCheckpoint) {
  expect_refused(with_metadata(good, {}), "is not a checkpoint of Karyon's");
  expect_refused({}, "too short for safetensors");
  expect_error(Exit::no_input, "No such file", [&] { static_cast<void>(load_checkpoint(dir / "none")); });
  expect_error(Exit::bad_data, "is a folder", [&] { static_cast<void>(load_checkpoint(dir.path())); });
  expect_error(Exit::bad_data, "does not download", [] { static_cast<void>(load_checkpoint("https://x.org/m")); });
}

TEST_F(CheckpointFile, ADifferentDigestIsRefusedAndTheOneBeforeOffered) {
  Bytes damaged = good;
  damaged.back() ^= 1;
  const auto message_of = [this](const Bytes& bytes) {
    write_file(path, bytes);
    return error_of(Exit::bad_data, [&] { static_cast<void>(load_checkpoint(path)); });
  };
  const std::string without = message_of(damaged);
  EXPECT_NE(without.find("SHA-256"), std::string::npos) << without;
  EXPECT_NE(without.find(metadata.at("sha256")), std::string::npos) << without;
  EXPECT_EQ(without.find(".prev"), std::string::npos) << without;
  write_file(path.string() + ".prev", good);
  const std::string offer = "; the one before it is at " + path.string() + ".prev";
  EXPECT_NE(message_of(damaged).find(offer), std::string::npos);
  // A file cut short has one to fall back on too.
  EXPECT_NE(message_of(Bytes(good.begin(), good.end() - 1)).find(offer), std::string::npos);
}

TEST_F(CheckpointFile, WeightsThatAreNotFiniteAreNeitherSavedNorLoaded) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    Checkpoint checkpoint = example();
    checkpoint.tensors[1].values[1] = bad;
    write_file(path, "old");
    expect_error(Exit::diverged, "'head/bias' holds", [&] { save_checkpoint(path, checkpoint); });
    EXPECT_EQ(read_file(path).size(), 3U);

    // Such a file from elsewhere, with a digest that agrees.
    Bytes bytes = good;
    std::memcpy(bytes.data() + bytes.size() - sizeof bad, &bad, sizeof bad);
    metadata["sha256"] = sha256_hex(SafetensorsFile(bytes, "f").tensor_bytes());
    expect_refused(with_metadata(bytes, metadata), "'head/bias' holds");
  }
}

TEST_F(CheckpointFile, TensorsOfAnotherTypeAreRefused) {
  const Bytes data(8);
  metadata["sha256"] = sha256_hex(data);
  const std::vector<SafetensorsTensor> tensors{{"head/bias", ArchiveType::f64, {1}, data}};
  expect_refused(encode_safetensors(tensors, metadata), "\"head/bias\" has dtype F64, expected F32");
}

TEST_F(CheckpointFile, InSixteenBitsKernelsAreHalvesAndTheRestStays) {
  Checkpoint checkpoint = example();
  checkpoint.tensors[0].values = {0.1F, -0.0F, 1e-6F, 65504.0F};
  const Bytes bytes = encode_checkpoint(checkpoint, Storage::half);
  const SafetensorsFile file(bytes, "f");
  EXPECT_EQ(file.find("encoder/Conv1/kernel")->type, ArchiveType::f16);
  EXPECT_EQ(file.find("head/bias")->type, ArchiveType::f32);
  EXPECT_EQ(file.metadata().at("sha256"), sha256_hex(file.tensor_bytes()));
  const Checkpoint loaded = load(bytes);
  checkpoint.tensors[0].values = {0.0999755859375F, -0.0F, 17 * 0x1p-24F, 65504.0F};
  expect_same(checkpoint, loaded);
  EXPECT_EQ(encode_checkpoint(loaded, Storage::half), bytes);

  checkpoint.tensors[0].values[1] = -65505.0F;
  expect_error(Exit::bad_data, "'encoder/Conv1/kernel' holds", [&] { encode_checkpoint(checkpoint, Storage::half); });
}

TEST_F(CheckpointFile, AProbeIsKeptWhereThereIsOne) {
  EXPECT_FALSE(metadata.contains("probe"));
  Checkpoint checkpoint = example();
  checkpoint.probe = {0.1F, -3.0e-9F, 7};
  const Bytes bytes = encode_checkpoint(checkpoint);
  EXPECT_EQ(load(bytes).probe, checkpoint.probe);
  metadata = SafetensorsFile(bytes, "f").metadata();
  metadata["probe"] = "1,nan";
  expect_refused(with_metadata(bytes, metadata), "probe is \"1,nan\", expected ");
}

TEST_F(CheckpointFile, MutationsAreRefusedOrHarmless) {
  const auto is_accepted = [](const Bytes& bytes) {
    try {
      static_cast<void>(load(bytes));
      return true;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data) << error.what();
      return false;
    }
  };
  for (std::size_t part = 0; part < 64; ++part) {
    EXPECT_FALSE(is_accepted(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(good.size() * part / 64))));
  }
  const std::size_t header_end = good.size() - SafetensorsFile(good, "f").tensor_bytes().size();
  for (std::size_t at = 0; at < good.size(); ++at) {
    Bytes mutant = good;
    mutant[at] ^= 1;
    const bool taken = is_accepted(mutant);
    EXPECT_FALSE(taken && at >= header_end) << "a changed weight was taken, byte " << at;
  }
}

}  // namespace
}  // namespace karyon
