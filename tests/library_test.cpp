// Karyon as a library: <karyon/karyon.h> finds what infer_unet finds, refuses what is wrong, and keeps to itself.
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <karyon/karyon.h>
#include <omp.h>

#include "apps/data/synthetic.h"
#include "apps/images/decode.h"
#include "tests/child.h"
#include "tests/data_fixtures.h"
#include "tests/tiny_model.h"

namespace karyon {
namespace {

using Words = std::vector<std::string>;

ImageView view_of(const Picture& picture) {
  return {picture.pixels.data(), picture.width, picture.height, picture.channels};
}

/// A tiny model's settings, and a picture of nuclei.
struct Library : ::testing::Test {
  Library() {
    save_checkpoint(dir / "model", tiny_checkpoint());
    tiny.model = (dir / "model").string();
    tiny.device = "cpu";
    tiny.threads = 2;
    write_file(dir / "picture.png", encode_png(picture));
  }

  /// Labels and probabilities as infer_unet writes them.
  void expect_as_infer_unet(const SegmenterSettings& settings, const Words& flags) {
    Words words{"picture.png", "--out", "out", "--exist-ok", "--save-prob", "--device", "cpu"};
    words.insert(words.end(), flags.begin(), flags.end());
    const Finished finished = run_child("infer_unet", words, dir.path());
    ASSERT_EQ(finished.status, 0) << finished.err;
    const LabelRaster labels = decode_labels(read_file(dir / "out/labels/picture.png"), "labels");
    const Picture mask = decode_grey(read_file(dir / "out/masks/picture.png"), "mask");
    const Picture probability = decode_grey(read_file(dir / "out/prob/picture.png"), "prob");
    const Nuclei nuclei = Segmenter(settings).segment(view_of(picture));
    EXPECT_EQ(nuclei.width, picture.width);
    EXPECT_EQ(nuclei.height, picture.height);
    EXPECT_GT(nuclei.count, 0U);
    EXPECT_EQ(nuclei.labels, labels.labels);
    EXPECT_EQ(nuclei.mask(), mask.pixels);
    EXPECT_EQ(nuclei.probability, probability.pixels);
    EXPECT_NE(finished.out.find("nuclei: " + std::to_string(nuclei.count) + "\n"), std::string::npos) << finished.out;
  }

  TempDir dir;
  Picture picture = make_synthetic_picture(7, 0, 90, 110).image;
  SegmenterSettings tiny;
};

TEST_F(Library, FindsWhatInferUnetFinds) {
  expect_as_infer_unet(tiny, {"--model", "model"});
  tiny.model.clear();
  expect_as_infer_unet(tiny, {});
}

TEST_F(Library, HeedsItsSettings) {
  tiny.model.clear();  // the model in the box: only a trained one tells small nuclei from large ones
  tiny.scale = 0.8;
  tiny.flips = true;
  tiny.percentile = true;
  tiny.threshold = 0.45;
  tiny.min_area = 60;
  expect_as_infer_unet(
      tiny, {"--scale", "0.8", "--flips", "--normalise", "percentile", "--threshold", "0.45", "--min-area", "60"});
}

TEST_F(Library, TakesRowsWithGapsAndSixteenBits) {
  Segmenter segmenter(tiny);
  const std::vector<std::uint32_t> labels = segmenter.segment(view_of(picture)).labels;
  const std::size_t row = static_cast<std::size_t>(picture.width) * 3, stride = row + 13;
  std::vector<std::uint8_t> gaps(stride * static_cast<std::size_t>(picture.height), 99);
  // Samples of 16 bits whose high byte is the 8-bit one, at odd addresses.
  std::vector<std::uint8_t> wide(1 + picture.pixels.size() * 2);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) {
    gaps[i / row * stride + i % row] = picture.pixels[i];
    const auto sample = static_cast<std::uint16_t>(picture.pixels[i] * 256 + 77);
    std::memcpy(&wide[1 + 2 * i], &sample, sizeof sample);
  }
  EXPECT_EQ(segmenter.segment({gaps.data(), picture.width, picture.height, 3, 8, stride}).labels, labels);
  EXPECT_EQ(segmenter.segment({&wide[1], picture.width, picture.height, 3, 16}).labels, labels);
}

TEST_F(Library, MeasuresEveryNucleus) {
  const Nuclei nuclei = Segmenter(tiny).segment(view_of(picture));
  ASSERT_EQ(nuclei.regions.size(), nuclei.count);
  for (const Nucleus& nucleus : nuclei.regions) {
    std::int64_t area = 0;
    double red = 0;
    for (std::size_t i = 0; i < nuclei.labels.size(); ++i) {
      if (nuclei.labels[i] != nucleus.label) continue;
      ++area;
      red += picture.pixels[3 * i];
    }
    EXPECT_EQ(nucleus.area, area);
    EXPECT_NEAR(nucleus.mean_intensity[0], red / static_cast<double>(area), 1e-9);
    EXPECT_GE(nucleus.centroid_x, nucleus.x);
    EXPECT_LT(nucleus.centroid_y, nucleus.y + nucleus.height);
  }
}

/// The Failure's code and a part of its message.
void expect_failure_of(int code, const std::string& part, const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "nothing was thrown, expected: " << part;
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code(), code) << failure.what();
    EXPECT_NE(std::string(failure.what()).find(part), std::string::npos) << failure.what();
  }
}

TEST_F(Library, RefusesWhatIsNoPicture) {
  Segmenter segmenter(tiny);
  const auto refuses = [&](const std::string& part, const std::function<void(ImageView&)>& spoil) {
    ImageView view = view_of(picture);
    spoil(view);
    expect_failure_of(2, part, [&] { (void)segmenter.segment(view); });
  };
  refuses("pixels null", [](ImageView& v) { v.pixels = nullptr; });
  refuses("width 0", [](ImageView& v) { v.width = 0; });
  refuses("height -1", [](ImageView& v) { v.height = -1; });
  refuses("at most 2^31", [](ImageView& v) { v.width = v.height = std::numeric_limits<int>::max(); });
  refuses("channels 4", [](ImageView& v) { v.channels = 4; });
  refuses("bits 32", [](ImageView& v) { v.bits = 32; });
  refuses("row_stride 329: expected 0, or at least a row's 330", [](ImageView& v) { v.row_stride = 329; });
  EXPECT_GT(segmenter.segment(view_of(picture)).count, 0U) << "it can be used again";
}

TEST_F(Library, RefusesSettingsAndModels) {
  const auto refuses = [&](int code, const std::string& part, const std::function<void(SegmenterSettings&)>& spoil) {
    SegmenterSettings settings = tiny;
    spoil(settings);
    expect_failure_of(code, part, [&] { const Segmenter made(settings); });
  };
  using Settings = SegmenterSettings;
  refuses(2, "threads -1: expected 0", [](Settings& s) { s.threads = -1; });
  refuses(2, "threads 1025", [](Settings& s) { s.threads = 1025; });
  refuses(2, "scale 0.0", [](Settings& s) { s.scale = 0; });
  refuses(2, "scale nan", [](Settings& s) { s.scale = std::numeric_limits<double>::quiet_NaN(); });
  refuses(2, "threshold: expected 0 to 1", [](Settings& s) { s.threshold = 1.5; });
  refuses(2, "least area", [](Settings& s) { s.min_area = -1; });
  refuses(2, "gpu", [](Settings& s) { s.device = "gpu"; });
  refuses(66, "absent", [](Settings& s) { s.model = "/absent"; });
  refuses(65, "picture.png", [&](Settings& s) { s.model = (dir / "picture.png").string(); });
}

TEST_F(Library, SegmentersWorkSideBySide) {
  const std::vector<std::uint32_t> alone = Segmenter(tiny).segment(view_of(picture)).labels;
  std::vector<std::vector<std::uint32_t>> together(3);
  std::vector<std::thread> threads;
  for (auto& labels : together) {
    threads.emplace_back([&] {
      Segmenter segmenter(tiny);
      for (int round = 0; round < 3; ++round) labels = segmenter.segment(view_of(picture)).labels;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& labels : together) EXPECT_EQ(labels, alone);
}

TEST_F(Library, LeavesTheCallersOpenMpAlone) {
  omp_set_num_threads(3);
  (void)Segmenter(tiny).segment(view_of(picture));
  EXPECT_EQ(omp_get_max_threads(), 3);
}

TEST_F(Library, ASegmenterCanBeMoved) {
  Segmenter first(tiny);
  Segmenter second(std::move(first));
  first = std::move(second);
  EXPECT_GT(first.segment(view_of(picture)).count, 0U);
}

}  // namespace
}  // namespace karyon
