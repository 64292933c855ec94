// infer_unet from outside: what it prints and writes for every kind of input, and what it refuses.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <png.h>

#include "apps/images/decode.h"
#include "apps/images/resize.h"
#include "apps/models/model_file.h"
#include "engine/random.h"
#include "kernels/softmax.h"
#include "tests/child.h"
#include "tests/data_fixtures.h"
#include "tests/tiny_model.h"
#include "weights/safetensors.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Finished infer(const fs::path& folder, const Words& words) {
  return run_child("infer_unet", words + Words{"--threads", "2"}, folder);
}

std::size_t pixel_at(const Picture& picture, int y, int x) {
  return static_cast<std::size_t>(y) * static_cast<std::size_t>(picture.width) + static_cast<std::size_t>(x);
}

Picture noise(int width, int height, int channels, std::uint64_t seed) {
  Picture picture(width, height, channels);
  // Blocks of 8 pixels, so that resizing leaves something to see.
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      RandomStream block(seed, Purpose::bench, static_cast<std::uint32_t>(y / 8 * 1000 + x / 8));
      for (int c = 0; c < channels; ++c) {
        const std::size_t at =
            pixel_at(picture, y, x) * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c);
        picture.pixels[at] = static_cast<std::uint8_t>(block.below(256));
      }
    }
  }
  return picture;
}

Picture read_grey(const fs::path& file) { return decode_grey(read_file(file), file.string()); }

/// Only 0 and 255, and of this size.
Picture read_mask(const fs::path& file, int width, int height) {
  const Picture mask = read_grey(file);
  EXPECT_EQ(mask.width, width) << file;
  EXPECT_EQ(mask.height, height) << file;
  EXPECT_TRUE(std::all_of(mask.pixels.begin(), mask.pixels.end(), [](int v) { return v == 0 || v == 255; })) << file;
  return mask;
}

/// A folder with the tiny model in it.
struct InferUnet : ::testing::Test {
  InferUnet() { save_checkpoint(dir / "model", checkpoint); }

  /// The run must end with this status; results are in "out".
  Finished run(const Words& words, int status = 0) {
    fs::remove_all(dir / "out");
    Finished finished = infer(dir.path(), Words{"--model", "model", "--out", "out"} + words);
    EXPECT_EQ(finished.status, status) << finished.err;
    return finished;
  }

  TempDir dir;
  Checkpoint checkpoint = tiny_checkpoint();
};

struct Counts {
  double accuracy = 0, common = 0, predicted = 0, truth = 0;
  [[nodiscard]] double iou() const {
    const double either = predicted + truth - common;
    return either > 0 ? common / either : 1;
  }
  [[nodiscard]] double dice() const { return predicted + truth > 0 ? 2 * common / (predicted + truth) : 1; }
};

TEST_F(InferUnet, ScoresAgainstTheTruthAtEachImagesOwnSize) {
  std::map<std::string, Counts> counts;
  const std::vector<std::array<int, 2>> sizes{{40, 30}, {64, 50}, {33, 97}, {20, 20}};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto [width, height] = sizes[i];
    const std::string id = "cell" + std::to_string(i);
    put(dir / "set" / id / "images" / (id + ".png"), encode_png(noise(width, height, 4, i)));
    for (int nucleus = 0; nucleus < static_cast<int>(i); ++nucleus) {  // the first has none
      Picture mask(width, height, 1);
      for (int y = 5 * nucleus; y < height - 3; ++y) {
        for (int x = 4 * nucleus; x < width / 2; ++x) mask.pixels[pixel_at(mask, y, x)] = 255;
      }
      put(dir / "set" / id / "masks" / (std::to_string(nucleus) + ".png"), encode_png(mask));
    }
    if (i == 0) fs::create_directories(dir / "set" / id / "masks");
  }
  const Finished finished = run({"set"});

  int mixed = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto [width, height] = sizes[i];
    const std::string id = "cell" + std::to_string(i);
    const Picture predicted = read_mask(dir / "out/masks" / (id + ".png"), width, height);
    const Picture overlay = decode_rgb(read_file(dir / "out/overlays" / (id + ".png")), id);
    EXPECT_EQ(overlay.width, width);
    EXPECT_EQ(overlay.height, height);
    std::vector<bool> truth(predicted.count());
    for (const auto& file : fs::directory_iterator(dir / "set" / id / "masks")) {
      const Picture mask = read_grey(file.path());
      for (std::size_t p = 0; p < truth.size(); ++p) truth[p] = truth[p] || mask.pixels[p] > 127;
    }
    Counts& c = counts[id];
    for (std::size_t p = 0; p < truth.size(); ++p) {
      const bool on = predicted.pixels[p] == 255;
      c.accuracy += (on == truth[p] ? 1.0 : 0.0) / static_cast<double>(truth.size());
      c.common += on && truth[p] ? 1 : 0;
      c.predicted += on ? 1 : 0;
      c.truth += truth[p] ? 1 : 0;
    }
    mixed += c.common > 0 && c.common < c.truth && c.common < c.predicted ? 1 : 0;
  }
  EXPECT_GE(mixed, 2) << "the model's masks are too plain to test anything";

  Counts all;
  double mean_iou = 0, mean_dice = 0;
  const auto n = static_cast<double>(counts.size());
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [id, c] : counts) {
    all.accuracy += c.accuracy / n;
    all.common += c.common;
    all.predicted += c.predicted;
    all.truth += c.truth;
    mean_iou += c.iou() / n;
    mean_dice += c.dice() / n;
    order.emplace_back(c.iou(), id);
  }
  std::sort(order.begin(), order.end());

  const Words rows = lines_of(text_of(dir / "out/scores.csv"));
  ASSERT_EQ(rows.size(), counts.size() + 2);
  EXPECT_EQ(rows[0], "id,accuracy,iou,dice");
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    const bool last = i == order.size();
    const std::string id = last ? "ALL" : order[i].second;
    const Counts& want = last ? all : counts[id];
    double accuracy = -1, iou = -1, dice = -1;
    const std::string& row = rows[i + 1];
    ASSERT_TRUE(row.starts_with(id + ",")) << row;
    ASSERT_EQ(std::sscanf(row.c_str() + id.size(), ",%lf,%lf,%lf", &accuracy, &iou, &dice), 3) << row;
    EXPECT_NEAR(accuracy, want.accuracy, 1e-6) << id;
    EXPECT_NEAR(iou, want.iou(), 1e-6) << id;
    EXPECT_NEAR(dice, want.dice(), 1e-6) << id;
  }

  const Words lines = lines_of(finished.out);
  const std::vector<std::pair<std::string, double>> closing{{"scored", n},          {"accuracy", all.accuracy},
                                                            {"iou", all.iou()},     {"dice", all.dice()},
                                                            {"mean_iou", mean_iou}, {"mean_dice", mean_dice}};
  ASSERT_GE(lines.size(), closing.size() + 3);
  for (std::size_t i = 0; i < closing.size(); ++i) {
    const std::string& line = lines[lines.size() - closing.size() + i];
    ASSERT_TRUE(line.starts_with(closing[i].first + ": ")) << line;
    EXPECT_NEAR(std::stod(line.substr(closing[i].first.size() + 2)), closing[i].second, 6e-5) << line;
  }
  EXPECT_NE(finished.out.find("results: out\nimages: 4\nskipped: 0\n"), std::string::npos) << finished.out;
  EXPECT_EQ(finished.err.find_first_of("\r\x1b"), std::string::npos) << finished.err;
}

TEST_F(InferUnet, TheMaskIsWhatTheNetworkSays) {
  const Picture exact = noise(32, 32, 3, 1), other = noise(75, 21, 3, 2);
  put(dir / "in/exact.png", encode_png(exact));
  put(dir / "in/other.png", encode_png(other));
  run({"in", "--save-prob"});
  Context context(Device{}, 1);
  const auto unet = load_unet(context, checkpoint, "tiny");
  for (const auto& [name, picture] : {std::pair("exact.png", &exact), std::pair("other.png", &other)}) {
    std::vector<std::uint8_t> small(32 * 32 * 3);
    resize_picture(context.stream(), *picture, 32, 32, small.data());
    const Tensor x = Tensor::empty(context, {1, 32, 32, 3});
    for (std::size_t i = 0; i < small.size(); ++i) x.data()[i] = static_cast<float>(small[i]) / 127.5F - 1.0F;
    const std::vector<float> logits = unet->infer(x).to_vector();
    const Picture network(32, 32, 1);
    const auto nucleus = [&](int y, int u) {
      const std::size_t at = pixel_at(network, std::clamp(y, 0, 31), std::clamp(u, 0, 31));
      return 1 / (1 + std::exp(static_cast<double>(logits[2 * at] - logits[2 * at + 1])));
    };
    const Picture probability = read_grey(dir / "out/prob" / name);
    const Picture mask = read_mask(dir / "out/masks" / name, picture->width, picture->height);
    ASSERT_EQ(probability.width, picture->width);
    ASSERT_EQ(probability.height, picture->height);
    for (int y = 0; y < picture->height; ++y) {
      for (int u = 0; u < picture->width; ++u) {
        const double row = (y + 0.5) * 32 / picture->height - 0.5, column = (u + 0.5) * 32 / picture->width - 0.5;
        const int top = static_cast<int>(std::floor(row)), left = static_cast<int>(std::floor(column));
        const double v = row - top, w = column - left;
        const double want = (1 - v) * ((1 - w) * nucleus(top, left) + w * nucleus(top, left + 1)) +
                            v * ((1 - w) * nucleus(top + 1, left) + w * nucleus(top + 1, left + 1));
        const std::size_t at = pixel_at(*picture, y, u);
        EXPECT_NEAR(probability.pixels[at], 255 * want, 0.51) << name << ' ' << y << ' ' << u;
        if (std::abs(want - 0.5) > 1e-5) {
          EXPECT_EQ(mask.pixels[at], want > 0.5 ? 255 : 0) << name << ' ' << y << ' ' << u;
        }
      }
    }
  }
}

TEST_F(InferUnet, TakesFilesFoldersZipsAndNamesThatClash) {
  const Bytes png = encode_png(noise(24, 24, 3, 1));
  put(dir / "a/cell.png", png);
  put(dir / "b/cell.png", png);
  put(dir / "b/deep/other.png", png);
  put(dir / "odd, name\n\u00e4.png", png);
  make_zip(dir / "c.zip", {{"cell.png", png}, {"zipped.png", png}});
  const Finished finished = run({"a/cell.png", "b", "c.zip", "odd, name\n\u00e4.png", "--data", "a"});
  const Words names{"a_cell.png", "b_cell.png", "c_cell.png", "odd, name\n\u00e4.png", "other.png", "zipped.png"};
  Words tree_wanted{"masks/", "overlays/", "summary.csv"};
  for (const std::string& name : names) {
    tree_wanted.push_back("masks/" + name);
    tree_wanted.push_back("overlays/" + name);
    EXPECT_EQ(text_of(dir / "out/masks" / name), text_of(dir / "out/masks/a_cell.png")) << "the same picture";
  }
  std::sort(tree_wanted.begin(), tree_wanted.end());
  EXPECT_EQ(tree(dir / "out"), tree_wanted);  // no scores.csv: there is no truth
  EXPECT_EQ(finished.out, "results: out\nimages: 6\nskipped: 0\n");
  EXPECT_NE(text_of(dir / "out/summary.csv").find("\"odd, name\n\u00e4\",24,24,"), std::string::npos);
}

TEST_F(InferUnet, TakesAnySizeAndKindOfPicture) {
  const std::vector<std::array<int, 2>> sizes{{1, 1}, {1, 50}, {7, 5}, {31, 33}, {300, 40}};
  for (const auto& [width, height] : sizes) {
    for (const int channels : {1, 3, 4}) {
      const std::string name = std::to_string(width) + "x" + std::to_string(height) + "_" + std::to_string(channels);
      put(dir / "in" / (name + ".png"), encode_png(noise(width, height, channels, 3)));
    }
  }
  // 16 bits, of which the high byte counts: the same as the grey picture of 8 bits.
  const Picture grey = noise(7, 5, 1, 3);
  std::vector<std::uint16_t> samples(grey.pixels.size());
  std::transform(grey.pixels.begin(), grey.pixels.end(), samples.begin(),
                 [](int v) { return static_cast<std::uint16_t>(v * 256 + 17); });
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = 7;
  image.height = 5;
  image.format = PNG_FORMAT_LINEAR_Y;
  ASSERT_NE(png_image_write_to_file(&image, (dir / "in/deep.png").c_str(), 0, samples.data(), 0, nullptr), 0);
  ASSERT_EQ(read_file(dir / "in/deep.png")[24], 16);

  run({"in", "--save-prob", "--batch-size", "3"});
  for (const auto& [width, height] : sizes) {
    for (const int channels : {1, 3, 4}) {
      const std::string name = std::to_string(width) + "x" + std::to_string(height) + "_" + std::to_string(channels);
      read_mask(dir / "out/masks" / (name + ".png"), width, height);
    }
  }
  EXPECT_EQ(read_grey(dir / "out/prob/deep.png").pixels, read_grey(dir / "out/prob/7x5_1.png").pixels);
}

TEST_F(InferUnet, BatchesAndRepetitionsChangeNothing) {
  for (int i = 0; i < 5; ++i) {
    put(dir / "in" / ("p" + std::to_string(i) + ".png"), encode_png(noise(40 + i, 30, 3, static_cast<unsigned>(i))));
  }
  run({"in", "--save-prob"});
  fs::rename(dir / "out", dir / "first");
  run({"in", "--save-prob"});
  const Words names = tree(dir / "first");
  EXPECT_EQ(tree(dir / "out"), names);
  for (const std::string& name : names) {
    if (!name.ends_with('/')) {
      EXPECT_EQ(text_of(dir / "out" / name), text_of(dir / "first" / name)) << name;
    }
  }
  run({"in", "--save-prob", "--batch-size", "2"});
  for (const auto& entry : fs::directory_iterator(dir / "first/prob")) {
    const Picture a = read_grey(entry.path()), b = read_grey(dir / "out/prob" / entry.path().filename());
    for (std::size_t p = 0; p < a.pixels.size(); ++p) ASSERT_NEAR(a.pixels[p], b.pixels[p], 1) << entry.path();
  }
}

TEST_F(InferUnet, AllNucleusOrNoneAreResultsLikeOthers) {
  put(dir / "set/one/images/one.png", encode_png(noise(50, 40, 3, 1)));
  fs::create_directories(dir / "set/one/masks");
  save_checkpoint(dir / "model", constant_checkpoint(0.75));
  const auto expect_scores = [&](const Words& words, int value, const std::string& row) {
    run(Words{"set", "--save-prob"} + words);
    const Picture mask = read_mask(dir / "out/masks/one.png", 50, 40);
    EXPECT_TRUE(std::all_of(mask.pixels.begin(), mask.pixels.end(), [&](int v) { return v == value; }));
    EXPECT_EQ(text_of(dir / "out/scores.csv"), "id,accuracy,iou,dice\none," + row + "\nALL," + row + "\n");
  };
  expect_scores({}, 255, "0.000000,0.000000,0.000000");
  EXPECT_EQ(read_grey(dir / "out/prob/one.png").pixels, std::vector<std::uint8_t>(50 * 40, 191));
  expect_scores({"--threshold", "0.8"}, 0, "1.000000,1.000000,1.000000");
  expect_scores({"--threshold", "0.7"}, 255, "0.000000,0.000000,0.000000");
  EXPECT_EQ(text_of(dir / "out/summary.csv"),
            "id,width,height,nucleus_pixels,nucleus_share\none,50,40,2000,1.000000\n");
  // The threshold is the model's own unless told otherwise.
  Checkpoint strict = constant_checkpoint(0.75);
  strict.threshold = 0.9;
  save_checkpoint(dir / "model", strict);
  expect_scores({}, 0, "1.000000,1.000000,1.000000");
}

TEST_F(InferUnet, QuietLeavesTheResults) {
  put(dir / "a.png", plain_png(9, 9, 3, 5));
  const Finished finished = run({"a.png", "-q"});
  EXPECT_EQ(finished.err, "");
  EXPECT_EQ(finished.out, "results: out\nimages: 1\nskipped: 0\n");
}

TEST_F(InferUnet, BrokenPicturesCostOnlyThemselves) {
  Bytes cut = plain_png(40, 30, 3, 9);
  cut.resize(cut.size() - 20);
  put(dir / "in/cut.png", cut);
  put(dir / "in/good.png", plain_png(40, 30, 3, 9));
  put(dir / "in/text.png", to_bytes("no picture"));
  fs::create_symlink("nowhere", dir / "in/link.png");
  put(dir / "in" / (std::string(251, 'n') + ".png"), plain_png(8, 8, 3, 9));
  put(dir / "in" / (std::string(250, 'j') + ".jpeg"), plain_png(8, 8, 3, 9));
  const Finished finished = run({"in", "--batch-size", "2"}, 75);
  EXPECT_EQ(finished.out, "results: out\nimages: 3\nskipped: 3\n");
  for (const char* part : {"warning: skipped: in/cut.png", "warning: skipped: in/text.png",
                           "warning: skipped: in/link.png", "\ninfer_unet: 3 of 6 pictures were skipped"}) {
    EXPECT_NE(finished.err.find(part), std::string::npos) << part << " in: " << finished.err;
  }
  read_mask(dir / "out/masks/good.png", 40, 30);
  EXPECT_FALSE(fs::exists(dir / "out/masks/cut.png"));
}

TEST_F(InferUnet, NamesTooLongForAResultAreSkipped) {
  put(dir / std::string(255, 'x'), plain_png(8, 8, 3, 9));
  put(dir / "a.png", plain_png(8, 8, 3, 9));
  const Finished finished = run({std::string(255, 'x'), "a.png"}, 75);
  EXPECT_NE(finished.err.find("too long"), std::string::npos) << finished.err;
}

TEST_F(InferUnet, AllBrokenIsAFailureThatLeavesNothing) {
  Bytes cut = plain_png(40, 30, 3, 9);
  cut.resize(cut.size() - 20);
  put(dir / "in/cut.png", cut);
  const auto refused = [&](const Words& parts) {
    expect_failure(infer(dir.path(), {"--model", "model", "--out", "new/out", "in", "--save-prob"}), "infer_unet", 65,
                   parts);
    EXPECT_FALSE(fs::exists(dir / "new"));
  };
  refused({"cut.png", "cut short"});
  put(dir / "in/text.png", to_bytes("no picture"));
  refused({"none of the 2", "cut.png"});
  fs::remove_all(dir / "in");
  put(dir / "in/a/images/a.png", plain_png(8, 9, 3, 9));
  put(dir / "in/a/masks/m.png", plain_png(9, 8, 1, 255));
  refused({"a.png", "m.png", "8 x 9", "9 x 8"});
}

TEST_F(InferUnet, RefusesInputsAndOutputsBeforeAnyWork) {
  put(dir / "a.png", plain_png(8, 8, 3, 9));
  put(dir / "file", to_bytes("x"));
  put(dir / "empty.zip", {});
  put(dir / "notes/readme.txt", to_bytes("x"));
  const Words before = tree(dir.path());
  const auto refused = [&](int status, const Words& words, const Words& parts) {
    expect_failure(infer(dir.path(), words), "infer_unet", status, parts);
  };
  const Words model{"--model", "model"};
  refused(66, model + Words{"absent", "--out", "o"}, {"absent"});
  refused(66, model + Words{"a.png", "absent", "--out", "o"}, {"absent"});
  refused(66, model + Words{"empty.zip", "--out", "o"}, {"empty.zip"});
  refused(66, model + Words{"notes", "--out", "o"}, {"notes", "no picture"});
  refused(73, model + Words{"a.png", "--out", "file"}, {"file"});
  refused(73, model + Words{"a.png", "--out", "notes"}, {"not empty", "--exist-ok"});
  refused(2, model, {"no pictures"});
  refused(2, {"a.png"}, {"--model"});
  refused(2, model + Words{"a.png", "--threshold", "2"}, {"--threshold", "0..1"});
  refused(2, model + Words{"a.png", "--threshold", "nan"}, {"--threshold"});
  refused(2, model + Words{"a.png", "--batch-size", "0"}, {"--batch-size"});
  refused(2, model + Words{"a.png", "--treshold", "0.5"}, {"unknown flag --treshold", "--threshold"});
  refused(69, {"--model", "absent", "absent", "--device", "cuda:999"}, {"cuda:999"});
  EXPECT_EQ(tree(dir.path()), before);
}

TEST_F(InferUnet, RefusesPicturesOverTheLimit) {
  put(dir / "a.png", plain_png(30, 40, 3, 9));
  expect_failure(infer(dir.path(), {"--model", "model", "a.png", "--max-pixels", "1199", "--out", "o"}), "infer_unet",
                 65, {"a.png", "30 x 40", "1199"});
  run({"a.png", "--max-pixels", "1200"});
}

TEST_F(InferUnet, RefusesModelsThatAreNone) {
  put(dir / "a.png", plain_png(8, 8, 3, 9));
  Bytes bytes = encode_checkpoint(checkpoint);
  const auto changed = [&](const std::string& from, const std::string& to) {
    Bytes copy = bytes;
    const auto at = std::search(copy.begin(), copy.end(), from.begin(), from.end());
    EXPECT_NE(at, copy.end()) << from;
    std::copy(to.begin(), to.end(), at);
    return copy;
  };
  put(dir / "newer", changed(R"("karyon_format":"1")", R"("karyon_format":"9")"));
  put(dir / "other", changed("mobilenet_v2_unet", "mobilenet_v9_unet"));
  put(dir / "classes", changed(R"("classes":"2")", R"("classes":"3")"));
  Bytes damaged = bytes, cut = bytes;
  damaged.back() ^= 1;
  cut.resize(cut.size() - 100);
  put(dir / "damaged", damaged);
  put(dir / "cut", cut);
  put(dir / "text", to_bytes("a model?"));
  put(dir / "nothing", {});
  const float zero = 0;
  const std::vector<SafetensorsTensor> foreign{
      {"w", ArchiveType::f32, {1}, {reinterpret_cast<const std::uint8_t*>(&zero), 4}}};
  put(dir / "foreign", encode_safetensors(foreign, {}));
  fs::create_directory(dir / "folder");
  const Words before = tree(dir.path());
  const auto refused = [&](const std::string& model, int status, const Words& parts) {
    expect_failure(infer(dir.path(), {"a.png", "--model", model, "--out", "o"}), "infer_unet", status, parts);
  };
  refused("newer", 65, {"newer", "format 9", "up to 1"});
  refused("other", 65, {"other", "mobilenet_v9_unet", "mobilenet_v2_unet"});
  refused("classes", 65, {"classes", "head/kernel"});
  refused("damaged", 65, {"damaged", "SHA-256"});
  refused("cut", 65, {"cut"});
  refused("text", 65, {"text"});
  refused("nothing", 65, {"nothing"});
  refused("foreign", 65, {"foreign", "not a checkpoint"});
  refused("folder", 65, {"folder", "expected a file"});
  refused("https://example.org/m", 65, {"does not download"});
  refused("absent", 66, {"absent"});
  EXPECT_EQ(tree(dir.path()), before);
}

TEST_F(InferUnet, BenchEndsWithItsLine) {
  const Finished finished = infer(dir.path(), {"--bench", "2", "--model", "model", "--batch-size", "2"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  double median = 0, best = 0;
  EXPECT_EQ(std::sscanf(finished.out.c_str(), "images/s median %lf best %lf\n", &median, &best), 2);
  EXPECT_LE(median, best);
  EXPECT_EQ(dir.names(), Words{"model"});
}

TEST_F(InferUnet, WithoutOutMakesNumberedFolders) {
  put(dir / "a.png", plain_png(8, 8, 3, 9));
  for (const char* folder : {"runs/infer/exp", "runs/infer/exp2"}) {
    const Finished finished = infer(dir.path(), {"a.png", "--model", "model"});
    EXPECT_TRUE(finished.out.starts_with(std::string("results: ") + folder + "\n")) << finished.out;
  }
}

TEST_F(InferUnet, HelpListsFlagsAndStatuses) {
  const Finished finished = infer(dir.path(), {"--help"});
  EXPECT_EQ(finished.status, 0);
  for (const char* part :
       {"PATH", "--model", "--out", "--threshold", "--batch-size", "--save-prob", "--bench", "75  partly done"}) {
    EXPECT_NE(finished.out.find(part), std::string::npos) << part;
  }
}

}  // namespace
}  // namespace karyon
