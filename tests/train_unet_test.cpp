// train_unet from outside: what it prints, what it writes, and what it refuses.
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/data/dataset.h"
#include "tests/child.h"
#include "tests/data_fixtures.h"
#include "tests/slim_weights.h"
#include "weights/checkpoint.h"
#include "weights/encoder_weights.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

Words tiny(int epochs, int threads = 1) {
  return {"--image-size",      "32",
          "--width",           "0.35",
          "--decoder-filters", "16,8,8,8",
          "--batch-size",      "4",
          "--epochs",          std::to_string(epochs),
          "--threads",         std::to_string(threads)};
}

const Words kTiny = tiny(2);
const Words kSynthetic{"--synthetic-images", "12"};

Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Finished train(const fs::path& folder, const Words& words) { return run_child("train_unet", words, folder); }

/// The run must succeed; its folder is `out`.
Finished train_into(const TempDir& dir, const std::string& out, const Words& words) {
  Finished finished = train(dir.path(), words + Words{"--out", out});
  EXPECT_EQ(finished.status, 0) << finished.err;
  return finished;
}

/// The `name: value` lines of stdout, in order.
std::vector<std::pair<std::string, std::string>> facts(const std::string& out) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& line : lines_of(out)) {
    const std::size_t colon = line.find(": ");
    EXPECT_NE(colon, std::string::npos) << line;
    pairs.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  return pairs;
}

Words keys(const std::string& out) {
  Words names;
  for (const auto& [key, value] : facts(out)) names.push_back(key);
  return names;
}

double number(const std::string& out, const std::string& key) {
  for (const auto& [name, value] : facts(out)) {
    if (name == key) return std::stod(value);
  }
  ADD_FAILURE() << "no " << key << " in " << out;
  return NAN;
}

/// history.csv: a map an epoch.
std::vector<std::map<std::string, double>> history(const fs::path& run) {
  std::vector<std::map<std::string, double>> rows;
  const auto cells = [](const std::string& line) {
    Words words;
    std::istringstream in(line);
    for (std::string word; std::getline(in, word, ',');) words.push_back(word);
    return words;
  };
  const Words lines = lines_of(text_of(run / "history.csv")), names = cells(lines.at(0));
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const Words values = cells(lines[i]);
    EXPECT_EQ(values.size(), names.size());
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (k == 0) rows.emplace_back();
      rows.back()[names[k]] = std::stod(values[k]);
    }
  }
  return rows;
}

/// The same without what time and memory make of it.
std::vector<std::map<std::string, double>> lasting_history(const fs::path& run) {
  auto rows = history(run);
  for (auto& row : rows) {
    for (const char* passing : {"images_per_s", "wall_s", "memory_mb"}) EXPECT_EQ(row.erase(passing), 1U);
  }
  return rows;
}

/// Twelve synthetic pictures of 32 x 32 in Kaggle's layout.
fs::path write_pictures(const TempDir& dir, const std::string& name = "pictures", int count = 12) {
  const Finished finished =
      train(dir.path(), {"--write-synthetic", std::to_string(count), "--image-size", "32", "--out", name, "-q"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(finished.out, "data: " + name + "\n");
  return dir / name;
}

void zip_folder(const fs::path& folder, const fs::path& zip) {
  std::vector<ZipEntry> entries;
  for (const std::string& name : tree(folder)) {
    const std::string bytes = name.ends_with('/') ? "" : text_of(folder / name);
    entries.push_back({name, {bytes.begin(), bytes.end()}});
  }
  make_zip(zip, entries);
}

std::set<std::string> half(const fs::path& run, const std::string& name) {
  std::set<std::string> ids;
  const auto json = nlohmann::json::parse(text_of(run / "split.json"));
  for (const auto& item : json.at(name)) EXPECT_TRUE(ids.insert(item.at("id").get<std::string>()).second);
  return ids;
}

const Words kResults{"best_epoch",       "val_accuracy", "val_loss",    "val_iou",    "val_dice", "threshold",
                     "marker_threshold", "min_area",     "native_dice", "native_dsb", "model",    "run"};

TEST(TrainUnet, TrainsOnSyntheticNuclei) {
  const TempDir dir;
  const Finished finished = train_into(dir, "run", kTiny + kSynthetic + Words{"--minimal"});
  EXPECT_EQ(keys(finished.out), kResults);
  EXPECT_EQ(tree(dir.path()),
            (Words{"run/", "run/DONE", "run/config.toml", "run/env.json", "run/history.csv", "run/history.jsonl",
                   "run/model.txt", "run/split.json", "run/state/", "run/state/last.safetensors", "run/train.log",
                   "run/weights/", "run/weights/best.safetensors", "run/weights/last.safetensors"}));
  EXPECT_NE(finished.out.find("\nmodel: run/weights/best.safetensors\nrun: run\n"), std::string::npos);
  // Logs go to stderr, a line an epoch, without a bar or colours where there is no terminal.
  for (const char* part : {"device: ", "Epoch 1/2 - ", "Epoch 2/2 - ", " - val_dice: ", " images/s"}) {
    EXPECT_NE(finished.err.find(part), std::string::npos) << part << " in: " << finished.err;
  }
  EXPECT_EQ(finished.err.find_first_of("\r\x1b"), std::string::npos) << finished.err;

  const auto rows = history(dir / "run");
  ASSERT_EQ(rows.size(), 2U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].size(), 13U);
    EXPECT_EQ(rows[i].at("epoch"), static_cast<double>(i + 1));
    for (const char* share : {"accuracy", "val_accuracy", "iou", "dice", "val_iou", "val_dice"}) {
      EXPECT_GE(rows[i].at(share), 0) << share;
      EXPECT_LE(rows[i].at(share), 1) << share;
    }
    EXPECT_EQ(rows[i].at("learning_rate"), 0.001);
    EXPECT_GT(rows[i].at("images_per_s"), 0);
    EXPECT_GT(rows[i].at("memory_mb"), 1);
  }
  EXPECT_LT(rows[1].at("loss"), rows[0].at("loss"));
  EXPECT_GT(rows[1].at("wall_s") + 0.005, rows[0].at("wall_s"));
}

TEST(TrainUnet, QuietLeavesTheResults) {
  const TempDir dir;
  const Finished finished = train_into(dir, "run", kTiny + kSynthetic + Words{"--quiet"});
  EXPECT_EQ(finished.err, "");
  EXPECT_EQ(keys(finished.out), kResults);
}

TEST(TrainUnet, SameSeedSameBytes) {
  const TempDir dir;
  const Words words = kTiny + kSynthetic;
  train_into(dir, "a", words + Words{"--seed", "5"});
  train_into(dir, "b", words + Words{"--seed", "5"});
  train_into(dir, "c", words + Words{"--seed", "6"});
  for (const char* file : {"split.json", "weights/best.safetensors", "weights/last.safetensors"}) {
    EXPECT_EQ(text_of(dir / "a" / file), text_of(dir / "b" / file)) << file;
    EXPECT_NE(text_of(dir / "a" / file), text_of(dir / "c" / file)) << file;
  }
  EXPECT_EQ(lasting_history(dir / "a"), lasting_history(dir / "b"));
  EXPECT_NE(lasting_history(dir / "a"), lasting_history(dir / "c"));
}

TEST(TrainUnet, AnotherThreadCountGivesTheSameBytes) {
  const TempDir dir;
  for (const int threads : {1, 2, 3}) {
    const std::string name = std::to_string(threads);
    train_into(dir, name, tiny(2, threads) + kSynthetic + Words{"--freeze-encoder"});
    EXPECT_EQ(text_of(dir / name / "weights/last.safetensors"), text_of(dir / "1/weights/last.safetensors")) << name;
  }
}

// An encoder that trains has oneDNN's weight gradients, whose sums are cut by the number of threads.
TEST(TrainUnet, AnotherThreadCountGivesNearlyTheSame) {
  const TempDir dir;
  train_into(dir, "one", tiny(1, 1) + kSynthetic);
  train_into(dir, "two", tiny(1, 2) + kSynthetic);
  EXPECT_NEAR(history(dir / "one")[0].at("loss"), history(dir / "two")[0].at("loss"), 0.003);
}

TEST(TrainUnet, AFolderItsZipAndPairsOfItAreOneDataSet) {
  const TempDir dir;
  const fs::path pictures = write_pictures(dir);
  zip_folder(pictures, dir / "pictures.zip");
  const Dataset data(std::vector<fs::path>{pictures}, Use::training);
  for (std::size_t i = 0; i < data.size(); ++i) {
    const Example example = data.load_example(i);
    Picture mask(example.image.width, example.image.height, 1);
    std::transform(example.nuclei->begin(), example.nuclei->end(), mask.pixels.begin(),
                   [](std::uint8_t on) { return static_cast<std::uint8_t>(255 * on); });
    const std::string file = example.id + ".png", bytes = text_of(pictures / example.id / "images" / file);
    put(dir / "pairs/inputs" / file, {bytes.begin(), bytes.end()});
    put(dir / "pairs/masks" / file, encode_png(mask));
  }
  train_into(dir, "a", kTiny + Words{"--data", "pictures"});
  for (const char* same : {"pictures.zip", "pairs"}) {
    train_into(dir, "b", kTiny + Words{"--data", same, "--exist-ok"});
    for (const char* file : {"split.json", "weights/best.safetensors"}) {
      EXPECT_EQ(text_of(dir / "a" / file), text_of(dir / "b" / file)) << same << ' ' << file;
    }
  }
}

TEST(TrainUnet, TheSplitIsWrittenDownAndCleanAndTheScoresAreThoseOfItsHalf) {
  const TempDir dir;
  const fs::path pictures = write_pictures(dir);
  const Finished trained = train_into(dir, "run", kTiny + Words{"--data", "pictures", "--val-split", "0.25"});
  const std::set<std::string> training = half(dir / "run", "train"), validation = half(dir / "run", "validation");
  EXPECT_EQ(training.size(), 9U);
  EXPECT_EQ(validation.size(), 3U);
  std::set<std::string> all = training;
  all.insert(validation.begin(), validation.end());
  EXPECT_EQ(all.size(), 12U);
  // The pictures have the training size, so infer_unet must find the very accuracy that the training reported.
  Words inputs{"--model",      "run/weights/best.safetensors",
               "--out",        "found",
               "--threads",    "1",
               "--threshold",  "0.5",
               "--min-area",   "0",
               "--fill-holes", "0"};
  for (const std::string& id : validation) inputs.push_back("pictures/" + id);
  const Finished found = run_child("infer_unet", inputs, dir.path());
  ASSERT_EQ(found.status, 0) << found.err;
  const std::string tail = found.out.substr(found.out.find("results: "));
  for (const char* score : {"accuracy", "iou", "dice"}) {
    const std::string key = std::string("val_") + score;
    EXPECT_NEAR(number(tail, score), number(trained.out, key), 2e-4) << score;
  }
}

TEST(TrainUnet, WhatIsTunedStandsInTheBestCheckpointAndInferUnetTakesIt) {
  const TempDir dir;
  write_pictures(dir);
  // A nucleus missed costs so much that far too much is taken for one at first.
  const Finished trained =
      train_into(dir, "run", kTiny + Words{"--data", "pictures", "--val-split", "0.25", "--class-weights", "1,40"});
  const Checkpoint best = load_checkpoint(dir / "run/weights/best.safetensors");
  EXPECT_EQ(best.threshold, number(trained.out, "threshold"));
  EXPECT_EQ(best.marker_threshold, number(trained.out, "marker_threshold"));
  EXPECT_EQ(best.min_area, number(trained.out, "min_area"));
  EXPECT_TRUE(best.threshold != 0.5 || best.min_area != 16) << "the model is too good to be tuned";
  EXPECT_EQ(best.activation_ranges.size(), 55U) << "what int8 inference needs to know";
  Words inputs{"--model", "run/weights/best.safetensors", "--out", "found"};
  for (const std::string& id : half(dir / "run", "validation")) inputs.push_back("pictures/" + id);
  const Finished found = run_child("infer_unet", inputs, dir.path());
  ASSERT_EQ(found.status, 0) << found.err;
  const std::string tail = found.out.substr(found.out.find("results: "));
  for (const char* score : {"dice", "dsb"}) {
    const std::string key = std::string("native_") + score;
    EXPECT_NEAR(number(tail, score), number(trained.out, key), 2e-3) << score;
    EXPECT_NEAR(best.scores.at(key), number(trained.out, key), 1e-4) << score;
  }
}

TEST(TrainUnet, CropsAndThreeClassesTrainAModelOfThePicturesOwnScale) {
  const TempDir dir;
  write_pictures(dir);
  const Words native{"--data", "pictures", "--crop", "32", "--classes", "3", "--class-weights", "1,1,2"};
  const Words rest{"--epochs",          "2",        "--batch-size", "4", "--width",  "0.35",
                   "--decoder-filters", "16,8,8,8", "--threads",    "1", "--minimal"};
  train_into(dir, "run", native + rest);
  const Checkpoint best = load_checkpoint(dir / "run/weights/best.safetensors");
  EXPECT_EQ(best.classes, 3);
  EXPECT_EQ(best.scale, "native");
  EXPECT_EQ(best.image_height, 32);
  train_into(dir, "again", native + rest);
  EXPECT_EQ(text_of(dir / "again/weights/last.safetensors"), text_of(dir / "run/weights/last.safetensors"));
  const auto refused = [&](const Words& words, const std::string& part) {
    const Finished finished = run_child("train_unet", words, dir.path());
    EXPECT_EQ(finished.status, 2);
    EXPECT_NE(finished.err.find(part), std::string::npos) << finished.err;
  };
  refused({"--crop", "100"}, "--crop 100: expected a multiple of 32");
  refused({"--crop", "64", "--image-size", "128"}, "--image-size 128 contradicts --crop 64");
  refused({"--classes", "4"}, "--classes");
}

TEST(TrainUnet, AWrittenSplitIsUsedAgain) {
  const TempDir dir;
  write_pictures(dir);
  train_into(dir, "run", kTiny + Words{"--data", "pictures"});
  const std::string written = text_of(dir / "run/split.json");
  const Finished again =
      train_into(dir, "run", kTiny + Words{"--data", "pictures", "--val-split", "0.5", "--seed", "9", "--exist-ok"});
  EXPECT_EQ(text_of(dir / "run/split.json"), written);
  EXPECT_NE(again.err.find("split.json"), std::string::npos) << again.err;
  // Of other pictures it cannot be used.
  run_child("train_unet", {"--write-synthetic", "12", "--image-size", "32", "--out", "others", "--seed", "5", "-q"},
            dir.path());
  const Finished others =
      train(dir.path(), kTiny + Words{"--data", "others", "--out", "run", "--exist-ok", "--device", "cpu"});
  EXPECT_EQ(others.status, 65) << others.err;
  EXPECT_NE(others.err.find("split.json"), std::string::npos) << others.err;
  EXPECT_EQ(text_of(dir / "run/split.json"), written);
}

TEST(TrainUnet, StopsWithoutProgressAndKeepsTheBest) {
  const TempDir dir;
  const Finished finished = train_into(dir, "run", tiny(60) + kSynthetic + Words{"--patience", "3", "--lr", "0.02"});
  const auto rows = history(dir / "run");
  ASSERT_LT(rows.size(), 60U);
  std::size_t best = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].at("val_accuracy") > rows[best].at("val_accuracy")) best = i;
  }
  EXPECT_EQ(rows.size(), best + 1 + 3);
  EXPECT_NE(finished.err.find("Stopped early"), std::string::npos);
  EXPECT_EQ(number(finished.out, "best_epoch"), static_cast<double>(best + 1));
  const Checkpoint kept = load_checkpoint(dir / "run/weights/best.safetensors");
  EXPECT_EQ(kept.epoch, static_cast<int>(best + 1));
  EXPECT_NEAR(kept.scores.at("val_accuracy"), rows[best].at("val_accuracy"), 1e-7);
  EXPECT_EQ(load_checkpoint(dir / "run/weights/last.safetensors").epoch, static_cast<int>(rows.size()));
}

TEST(TrainUnet, AFrozenEncoderStaysAsItWasLoaded) {
  const TempDir dir;
  put(dir / "imagenet.safetensors", slim_weights(0.35, 1));
  const Words words{"--image-size", "32", "--decoder-filters", "16,8,8,8", "--batch-size",      "4",
                    "--epochs",     "1",  "--threads",         "1",        "--encoder-weights", "imagenet.safetensors"};
  train_into(dir, "frozen", words + kSynthetic);
  train_into(dir, "free", words + kSynthetic + Words{"--no-freeze-encoder"});
  std::map<std::string, std::vector<float>> loaded;
  for (const NamedArray& array : load_encoder_weights(dir / "imagenet.safetensors").tensors) {
    loaded["encoder/" + array.name] = array.values;
  }
  int compared = 0, moved = 0;
  for (const NamedArray& array : load_checkpoint(dir / "frozen/weights/last.safetensors").tensors) {
    if (!array.name.starts_with("encoder/")) continue;
    EXPECT_EQ(array.values, loaded.at(array.name)) << array.name;
    ++compared;
  }
  for (const NamedArray& array : load_checkpoint(dir / "free/weights/last.safetensors").tensors) {
    if (array.name.starts_with("encoder/") && array.values != loaded.at(array.name)) ++moved;
  }
  EXPECT_EQ(compared, 51 + 50 * 4);  // the last projection has no batch norm behind it
  EXPECT_EQ(moved, compared);
  const Checkpoint kept = load_checkpoint(dir / "frozen/weights/best.safetensors");
  EXPECT_EQ(kept.encoder_family, "tf-slim");
  EXPECT_EQ(kept.width, 0.35);
}

TEST(TrainUnet, ADryRunSaysWhatItFoundAndWritesNothing) {
  const TempDir dir;
  put(dir / "imagenet.safetensors", slim_weights(0.35, 1));
  const Finished finished =
      train(dir.path(), {"--dry-run", "--device", "cpu", "--out", "run", "--encoder-weights", "imagenet.safetensors"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  const Words order{"container",     "family",     "width",         "padding",      "activation",
                    "normalisation", "batch_norm", "classifier",    "tensors_used", "tensors_unused",
                    "sha256",        "parameters", "multiply_adds", "device",       "encoder"};
  EXPECT_EQ(keys(finished.out), order);
  std::map<std::string, std::string> values;
  for (const auto& [key, value] : facts(finished.out)) values[key] = value;
  EXPECT_EQ(values["container"], "safetensors");
  EXPECT_EQ(values["family"], "tf-slim");
  EXPECT_EQ(values["width"], "0.35");
  EXPECT_EQ(values["padding"], "same");
  EXPECT_EQ(values["normalisation"], "x/127.5-1");
  EXPECT_EQ(values["classifier"], "no");
  EXPECT_EQ(values["tensors_used"], "102");
  EXPECT_EQ(values["tensors_unused"], "0");
  EXPECT_EQ(values["sha256"].size(), 64U);
  EXPECT_EQ(values["device"], "cpu");
  EXPECT_EQ(values["encoder"], "frozen");
  EXPECT_EQ(dir.names(), Words{"imagenet.safetensors"});
  EXPECT_EQ(keys(train(dir.path(), {"--dry-run"}).out), order);
  expect_failure(train(dir.path(), {"--dry-run", "--data", "none"}), "train_unet", 66, {"none"});
}

TEST(TrainUnet, BenchEndsWithItsLine) {
  const TempDir dir;
  const Finished finished = train(dir.path(), {"--bench", "2", "--batch-size", "2", "--image-size", "32", "--width",
                                               "0.35", "--decoder-filters", "16,8,8,8", "--threads", "1"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  double median = 0, best = 0;
  char end = 0;
  EXPECT_EQ(std::sscanf(finished.out.c_str(), "images/s median %lf best %lf%c", &median, &best, &end), 3);
  EXPECT_EQ(end, '\n');
  EXPECT_LE(median, best);
  EXPECT_EQ(dir.names(), Words{});
}

TEST(TrainUnet, WithoutOutMakesNumberedFolders) {
  const TempDir dir;
  for (const char* run : {"runs/train/exp", "runs/train/exp2"}) {
    const Finished finished = train(dir.path(), tiny(1) + kSynthetic);
    EXPECT_NE(finished.out.find(std::string("\nrun: ") + run + "\n"), std::string::npos) << finished.err;
  }
  EXPECT_EQ(train(dir.path(), {"--data", "none"}).status, 66);
  EXPECT_FALSE(fs::exists(dir / "runs/train/exp3"));
}

TEST(TrainUnet, NeedsNeitherHomeNorLocale) {
  const TempDir dir;
  const Finished finished =
      run_child("train_unet", kTiny + kSynthetic + Words{"--out", "run"}, dir.path(),
                {"HOME=", "LC_ALL=de_DE.UTF-8", "TZ=Nowhere/None", "TERM=", "TMPDIR=/nonexistent"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(history(dir / "run").size(), 2U);
}

TEST(TrainUnet, HelpListsFlagsAndStatuses) {
  const TempDir dir;
  const Finished finished = train(dir.path(), {"--help"});
  EXPECT_EQ(finished.status, 0);
  EXPECT_EQ(finished.err, "");
  for (const char* part : {"--data",
                           "--out",
                           "--epochs",
                           "--batch-size",
                           "--lr",
                           "--image-size",
                           "--val-split",
                           "--seed",
                           "--patience",
                           "--encoder-weights",
                           "--freeze-encoder,--no-freeze-encoder",
                           "--width",
                           "--decoder-filters",
                           "--device",
                           "--threads",
                           "--dry-run",
                           "--bench",
                           "--exist-ok",
                           "65  bad data",
                           "76  diverged"}) {
    EXPECT_NE(finished.out.find(part), std::string::npos) << part;
  }
}

TEST(TrainUnet, RefusesFlagsBeforeAnyWork) {
  const TempDir dir;
  const auto refused = [&](const Words& words, const Words& parts) {
    expect_failure(train(dir.path(), words), "train_unet", 2, parts);
  };
  refused({"--epochs", "0"}, {"--epochs", "'0'", "1.."});
  refused({"--batch-size", "0"}, {"--batch-size", "1.."});
  refused({"--lr", "-1"}, {"--lr", "'-1'"});
  refused({"--lr", "nan"}, {"--lr", "'nan'"});
  refused({"--lr", "0"}, {"--lr"});
  refused({"--image-size", "100"}, {"--image-size 100", "multiple of 32"});
  refused({"--image-size", "0"}, {"--image-size", "32.."});
  for (const char* share : {"0", "1", "2", "-0.5", "nan"}) refused({"--val-split", share}, {"--val-split", share});
  refused({"--epoch", "3"}, {"unknown flag --epoch", "did you mean --epochs?"});
  refused({"--patience", "-1"}, {"--patience"});
  refused({"--decoder-filters", "16,8,8"}, {"--decoder-filters", "4 numbers", "3"});
  refused({"--width", "9"}, {"--width"});
  refused({"--input-scale", "none"}, {"family", "tutorial"});
  refused({"--device", "foo"}, {"'foo'", "cuda"});
  refused({"--precision", "int4"}, {"'int4'", "fp32", "bf16", "int8"});
  refused({"--precision", "int8"}, {"--precision int8", "infer_unet"});
  refused({"--data", ""}, {"--data"});
  refused({"--synthetic-images", "2"}, {"2 images", "2 to train", "0 to validate"});
  EXPECT_EQ(dir.names(), Words{});
}

TEST(TrainUnet, TheDeviceComesBeforeTheData) {
  const TempDir dir;
  expect_failure(train(dir.path(), {"--device", "cuda:7", "--data", "none"}), "train_unet", 69, {"cuda:7"});
}

TEST(TrainUnet, RefusesOutputsItCannotWrite) {
  const TempDir dir;
  put(dir / "file", to_bytes("x"));
  put(dir / "full/old", to_bytes("x"));
  const auto refused = [&](const std::string& out, const Words& parts) {
    expect_failure(train(dir.path(), kTiny + kSynthetic + Words{"--out", out}), "train_unet", 73, parts);
  };
  refused("file", {"file", "is a file", "--out"});
  refused("file/run", {"file", "is a file"});
  refused("full", {"full", "not empty", "--exist-ok"});
  refused("/proc/karyon/run", {"/proc/karyon"});
  EXPECT_EQ(tree(dir.path()), (Words{"file", "full/", "full/old"}));
  expect_failure(train(dir.path(), {"--dry-run", "--out", "full"}), "train_unet", 73, {"full"});
}

TEST(TrainUnet, RefusesBadDataAndLeavesNothingBehind) {
  const TempDir dir;
  const Bytes image = plain_png(40, 30, 3, 90), mask = plain_png(40, 30, 1, 255);
  const auto example = [&](const std::string& set, const std::string& id, const Bytes& picture, const Bytes& truth) {
    put(dir / set / id / "images" / (id + ".png"), picture);
    put(dir / set / id / "masks" / "m.png", truth);
  };
  Bytes cut = image, flipped = image;
  cut.resize(cut.size() - 20);
  flipped[flipped.size() / 2] ^= 4;
  example("cut", "one", image, mask);
  example("cut", "two", cut, mask);
  example("flipped", "one", image, flipped);
  example("text", "one", to_bytes("no picture"), mask);
  example("nothing", "one", {}, mask);
  example("sizes", "one", image, plain_png(30, 40, 1, 255));
  example("single", "one", image, mask);
  example("twins", "one", image, mask);
  example("twins", "two", image, mask);
  put(dir / "maskless/one/images/one.png", image);
  put(dir / "plain/one.png", image);
  put(dir / "notes/readme.txt", to_bytes("no pictures here"));
  put(dir / "empty.zip", to_bytes(""));
  put(dir / "hollow.zip", {'P', 'K', 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  put(dir / "broken.zip", to_bytes("PK\3\4 and no more"));
  const std::vector<std::string> before = tree(dir.path());
  const auto refused = [&](const std::string& data, int status, const Words& parts) {
    expect_failure(train(dir.path(), kTiny + Words{"--data", data, "--out", "a/run"}), "train_unet", status, parts);
  };
  refused("absent", 66, {"absent", "no such file"});
  refused("empty.zip", 66, {"empty.zip", "empty"});
  refused("hollow.zip", 66, {"hollow.zip"});
  refused("notes", 66, {"notes", "no picture"});
  refused("broken.zip", 65, {"broken.zip"});
  refused("cut", 65, {"two.png", "cut short"});
  refused("flipped", 65, {"m.png", "broken"});
  refused("text", 65, {"one.png", "not an image"});
  refused("nothing", 65, {"one.png", "empty"});
  refused("sizes", 65, {"one.png", "m.png", "40 x 30", "30 x 40"});
  refused("maskless", 65, {"one.png", "masks"});
  refused("plain", 65, {"one.png"});
  refused("single", 2, {"1 images", "0 to validate"});
  expect_failure(train(dir.path(), kTiny + Words{"--data", "twins", "--val-split", "0.5", "--out", "a/run"}),
                 "train_unet", 65, {"one", "two", "--allow-duplicates"});
  EXPECT_EQ(tree(dir.path()), before);
  train_into(dir, "run", kTiny + Words{"--data", "twins", "--val-split", "0.5", "--allow-duplicates"});
}

TEST(TrainUnet, RefusesBadEncoderWeights) {
  const TempDir dir;
  const Bytes whole = slim_weights(0.35, 1);
  Bytes cut = whole, corrupt = whole;
  cut.resize(cut.size() / 2);
  corrupt[0] ^= 0x55;
  put(dir / "cut", cut);
  put(dir / "corrupt", corrupt);
  put(dir / "folder/file", to_bytes("x"));
  const float numbers[4] = {};
  const auto tensor = [&](const std::string& name) {
    return SafetensorsTensor{name, ArchiveType::f32, {4}, {reinterpret_cast<const std::uint8_t*>(numbers), 16}};
  };
  put(dir / "stranger", encode_safetensors(std::vector{tensor("features.0.0.weight")}, {}));
  put(dir / "shape", encode_safetensors(std::vector{tensor("MobilenetV2/Conv/weights")}, {}));
  const std::vector<std::string> before = tree(dir.path());
  const auto refused = [&](const std::string& file, int status, const Words& parts) {
    const Words words{"--encoder-weights", file, "--out", "run", "--threads", "1"};
    expect_failure(train(dir.path(), words), "train_unet", status, parts);
  };
  refused("cut", 65, {"cut"});
  refused("corrupt", 65, {"corrupt"});
  refused("stranger", 65, {"stranger"});
  refused("shape", 65, {"shape", "MobilenetV2/Conv/weights"});
  refused("folder", 65, {"folder", "expected a file"});
  refused("https://example.org/w.safetensors", 65, {"does not download"});
  refused("absent", 66, {"absent"});
  put(dir / "whole", whole);
  expect_failure(train(dir.path(), {"--encoder-weights", "whole", "--width", "1", "--out", "run"}), "train_unet", 2,
                 {"--width", "0.35"});
  fs::remove(dir / "whole");
  EXPECT_EQ(tree(dir.path()), before);
}

}  // namespace
}  // namespace karyon
