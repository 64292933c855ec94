// infer_unet from outside: what it prints and writes for every kind of input.
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

#include <png.h>

#include "apps/images/resize.h"
#include "apps/models/model_file.h"
#include "tests/infer_runs.h"

namespace karyon {
namespace {

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
  EXPECT_EQ(rows[0],
            "id,accuracy,iou,dice,dsb,ap50,ap55,ap60,ap65,ap70,ap75,ap80,ap85,ap90,ap95,map,precision,recall,f1,"
            "true_nuclei,found_nuclei");
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
  const Words of_nuclei{"dsb", "ap50", "mean_ap50", "map", "precision", "recall", "f1"};
  ASSERT_GE(lines.size(), closing.size() + of_nuclei.size() + 4);
  for (std::size_t i = 0; i < of_nuclei.size(); ++i) {
    const std::string& line = lines[lines.size() - of_nuclei.size() + i];
    ASSERT_TRUE(line.starts_with(of_nuclei[i] + ": ")) << line;
  }
  for (std::size_t i = 0; i < closing.size(); ++i) {
    const std::string& line = lines[lines.size() - of_nuclei.size() - closing.size() + i];
    ASSERT_TRUE(line.starts_with(closing[i].first + ": ")) << line;
    EXPECT_NEAR(std::stod(line.substr(closing[i].first.size() + 2)), closing[i].second, 6e-5) << line;
  }
  EXPECT_NE(finished.out.find("results: out\nimages: 4\nskipped: 0\nnuclei: "), std::string::npos) << finished.out;
  EXPECT_EQ(finished.err.find_first_of("\r\x1b"), std::string::npos) << finished.err;
}

TEST_F(InferUnet, TheMaskIsWhatTheNetworkSays) {
  const Picture exact = noise(32, 32, 3, 1), other = noise(75, 21, 3, 2);
  put(dir / "in/exact.png", encode_png(exact));
  put(dir / "in/other.png", encode_png(other));
  run(Words{"in", "--save-prob", "--threshold", "0.5"} + kAsItIs);
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
        EXPECT_EQ(mask.pixels[at], probability.pixels[at] >= 127.5 ? 255 : 0) << name << ' ' << y << ' ' << u;
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
  Words tree_wanted{"labels/", "masks/", "nuclei.csv", "overlays/", "summary.csv"};
  for (const std::string& name : names) {
    for (const char* folder : {"labels/", "masks/", "overlays/"}) tree_wanted.push_back(folder + name);
    EXPECT_EQ(text_of(dir / "out/masks" / name), text_of(dir / "out/masks/a_cell.png")) << "the same picture";
  }
  std::sort(tree_wanted.begin(), tree_wanted.end());
  EXPECT_EQ(tree(dir / "out"), tree_wanted);  // no scores.csv: there is no truth
  EXPECT_TRUE(finished.out.starts_with("results: out\nimages: 6\nskipped: 0\nnuclei: ")) << finished.out;
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
  const auto expect_scores = [&](const Words& words, int value, const std::string& score, int found) {
    run(Words{"set", "--save-prob"} + words);
    const Picture mask = read_mask(dir / "out/masks/one.png", 50, 40);
    EXPECT_TRUE(std::all_of(mask.pixels.begin(), mask.pixels.end(), [&](int v) { return v == value; }));
    std::string row;  // accuracy, iou, dice, dsb, ten of ap, map, precision, recall, f1
    for (int i = 0; i < 18; ++i) row += "," + score;
    row += ",0," + std::to_string(found) + "\n";
    const std::string table = text_of(dir / "out/scores.csv");
    EXPECT_EQ(table.substr(table.find('\n') + 1), "one" + row + "ALL" + row);
  };
  const std::string wrong = "0.000000", right = "1.000000";
  expect_scores({}, 255, wrong, 1);
  EXPECT_EQ(read_grey(dir / "out/prob/one.png").pixels, std::vector<std::uint8_t>(50 * 40, 191));
  expect_scores({"--threshold", "0.8"}, 0, right, 0);
  const std::string columns = "id,width,height,nuclei,nucleus_pixels,nucleus_share,mean_area\n";
  EXPECT_EQ(text_of(dir / "out/summary.csv"), columns + "one,50,40,0,0,0.000000,0.00\n");
  expect_scores({"--threshold", "0.7"}, 255, wrong, 1);
  EXPECT_EQ(text_of(dir / "out/summary.csv"), columns + "one,50,40,1,2000,1.000000,2000.00\n");
  // The threshold is the model's own unless told otherwise.
  Checkpoint strict = constant_checkpoint(0.75);
  strict.threshold = 0.9;
  save_checkpoint(dir / "model", strict);
  expect_scores({}, 0, right, 0);
}

TEST_F(InferUnet, QuietLeavesTheResults) {
  put(dir / "a.png", plain_png(9, 9, 3, 5));
  const Finished finished = run({"a.png", "-q"});
  EXPECT_EQ(finished.err, "");
  EXPECT_EQ(finished.out.substr(0, finished.out.rfind(' ')), "results: out\nimages: 1\nskipped: 0\nnuclei:");
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
  for (const char* part : {"PATH", "--model", "--out", "--threshold", "--batch-size", "--save-prob", "--bench",
                           "--overlap", "75  partly done"}) {
    EXPECT_NE(finished.out.find(part), std::string::npos) << part;
  }
}

}  // namespace
}  // namespace karyon
