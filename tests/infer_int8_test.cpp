// infer_unet --precision int8: where its ranges come from, and what is as it is in float.
#include "apps/inference/calibration.h"
#include "apps/models/built_in_model.h"
#include "tests/infer_runs.h"

namespace karyon {
namespace {

struct InferInt8 : InferUnet {
  InferInt8() {
    for (int i = 0; i < 5; ++i) {
      put(dir / "in" / (std::to_string(i) + ".png"),
          encode_png(noise(90 + 30 * i, 70, 3, static_cast<std::uint64_t>(i))));
    }
  }

  /// With the ranges on the five pictures.
  static Checkpoint measured(Checkpoint model, const fs::path& folder) {
    Context context(Device{}, 2);
    Predictor predictor(context, model, "test", ElementType::f32);
    const std::vector<fs::path> paths{folder};
    model.activation_ranges = measure_ranges(predictor, Dataset(paths, Use::inference), Normalise::plain, {});
    return model;
  }

  std::map<std::string, std::vector<std::uint8_t>> probabilities() const {
    std::map<std::string, std::vector<std::uint8_t>> all;
    for (const auto& entry : fs::directory_iterator(dir / "out/prob")) {
      all[entry.path().filename()] = read_grey(entry.path()).pixels;
    }
    return all;
  }
};

const Words kInt8{"in", "--precision", "int8", "--save-prob"};

TEST_F(InferInt8, AModelWithoutRangesIsCalibratedOnThePicturesAndSaysSo) {
  const Finished first = run(kInt8);
  EXPECT_NE(first.err.find("int8: the model holds no activation ranges; they are measured on up to 16 of these"),
            std::string::npos)
      << first.err;
  const auto calibrated = probabilities();
  save_checkpoint(dir / "model", measured(checkpoint, dir / "in"));
  const Finished second = run(kInt8);
  EXPECT_EQ(second.err.find("activation ranges"), std::string::npos) << second.err;
  EXPECT_EQ(probabilities(), calibrated);
}

TEST_F(InferInt8, IsNearFloatAndOtherThanIt) {
  for (const Words& how : {Words{}, Words{"--flips"}, Words{"--scale", "1.3", "--tile", "64", "--overlap", "32"}}) {
    run(Words{"in", "--save-prob"} + how);
    const auto in_float = probabilities();
    run(kInt8 + how);
    const auto in_bytes = probabilities();
    ASSERT_EQ(in_bytes.size(), in_float.size());
    EXPECT_NE(in_bytes, in_float);
    for (const auto& [name, values] : in_float) {
      const std::vector<std::uint8_t>& bytes = in_bytes.at(name);
      ASSERT_EQ(bytes.size(), values.size());
      double sum = 0;
      for (std::size_t i = 0; i < values.size(); ++i) sum += std::abs(values[i] - bytes[i]);
      EXPECT_LT(sum / static_cast<double>(values.size()), 5) << name;  // of 255
    }
  }
}

TEST_F(InferInt8, ThreadsAndBatchesChangeNoByte) {
  save_checkpoint(dir / "model", measured(checkpoint, dir / "in"));
  run(kInt8);
  const auto first = probabilities();
  for (const Words& how : {Words{"--threads", "1"}, Words{"--threads", "3"}, Words{"--batch-size", "1"}}) {
    fs::remove_all(dir / "out");
    ASSERT_EQ(run_child("infer_unet", Words{"--model", "model", "--out", "out"} + kInt8 + how, dir.path()).status, 0);
    EXPECT_EQ(probabilities(), first) << how[0] << ' ' << how[1];
  }
}

TEST_F(InferInt8, MirroredPicturesGiveMirroredResultsWithFlips) {
  Picture picture = noise(64, 32, 3, 9), mirrored = picture;
  for (int y = 0; y < 32; ++y) {
    for (int x = 0; x < 64; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        mirrored.pixels[3 * pixel_at(picture, 31 - y, 63 - x) + c] = picture.pixels[3 * pixel_at(picture, y, x) + c];
      }
    }
  }
  checkpoint.scale = "native";
  for (float& value : tensor_of(checkpoint, "head/kernel").values) value *= 30;  // so that there is something to see
  save_checkpoint(dir / "model", measured(checkpoint, dir / "in"));
  fs::remove_all(dir / "in");
  put(dir / "in/a.png", encode_png(picture));
  put(dir / "in/b.png", encode_png(mirrored));
  run(kInt8 + Words{"--flips"});
  auto found = probabilities();
  std::vector<std::uint8_t>& b = found.at("b.png");
  std::ranges::reverse(b);
  const std::vector<std::uint8_t>& a = found.at("a.png");
  EXPECT_GT(*std::ranges::max_element(a) - *std::ranges::min_element(a), 20) << "too plain to test anything";
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1);
}

TEST_F(InferInt8, BrokenPicturesAreLeftOutOfTheCalibrationAndNamedOnce) {
  put(dir / "in/2.png", to_bytes("no picture"));
  const Finished finished = run(kInt8, 75);
  EXPECT_NE(finished.err.find("skipped: in/2.png"), std::string::npos) << finished.err;
  fs::remove_all(dir / "in");
  put(dir / "in/2.png", to_bytes("no picture"));
  run(kInt8, 65);
}

TEST_F(InferInt8, BenchEndsWithItsLine) {
  const Finished finished = infer(dir.path(), {"--bench", "2", "--model", "model", "--precision", "int8"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_TRUE(finished.out.starts_with("images/s median ")) << finished.out;
}

TEST_F(InferInt8, RangesOfAnotherNetworkAreRefused) {
  checkpoint.activation_ranges = {{"Conv1", {0, 6}}};
  save_checkpoint(dir / "model", checkpoint);
  expect_failure(infer(dir.path(), Words{"--model", "model", "--out", "out"} + kInt8), "infer_unet", 65,
                 {"ranges lack"});
}

TEST(ModelInTheBox, HasItsRanges) {
  const Checkpoint model = load_model("");
  EXPECT_EQ(model.activation_ranges.size(), 55U);
  Context context(Device{}, 1);
  Predictor predictor(context, model, "test", ElementType::f32);
  predictor.quantise(model.activation_ranges);
}

}  // namespace
}  // namespace karyon
