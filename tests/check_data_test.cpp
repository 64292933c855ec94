// --check-data finds everything that is wrong with a data set at once, by file; --skip-bad trains on the rest.
#include <filesystem>

#include <gtest/gtest.h>

#include "engine/files.h"
#include "tests/child.h"
#include "tests/data_fixtures.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

class CheckData : public ::testing::Test {
 protected:
  void SetUp() override {
    const Finished made = train({"--write-synthetic", "8", "--image-size", "32", "--out", "data", "-q"});
    ASSERT_EQ(made.status, 0) << made.err;
    for (const auto& entry : fs::directory_iterator(dir_ / "data")) ids_.push_back(entry.path().filename().string());
    std::sort(ids_.begin(), ids_.end());
  }
  Finished train(const Words& words) const { return run_child("train_unet", words, dir_.path()); }
  Finished check(const Words& more = {}) const {
    Words words{"--check-data", "--data", "data", "--image-size", "32", "-q"};
    words.insert(words.end(), more.begin(), more.end());
    return train(words);
  }
  fs::path image(std::size_t i) const { return dir_ / "data" / ids_[i] / "images" / (ids_[i] + ".png"); }
  fs::path masks(std::size_t i) const { return dir_ / "data" / ids_[i] / "masks"; }
  static void cut(const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); }

  TempDir dir_;
  Words ids_;
};

TEST_F(CheckData, AGoodSetHasNoErrors) {
  const Finished finished = check();
  EXPECT_EQ(finished.status, 0) << finished.out << finished.err;
  EXPECT_NE(finished.out.find("good_examples: 8\n"), std::string::npos) << finished.out;
  EXPECT_NE(finished.out.find("errors: 0\n"), std::string::npos) << finished.out;
}

TEST_F(CheckData, EveryFaultIsInOneTable) {
  cut(image(0));
  write_file(image(1), std::string("no picture"));
  fs::remove_all(masks(2));
  const fs::path mask = fs::directory_iterator(masks(3))->path();
  write_file(mask, plain_png(16, 16, 1, 255));
  write_file(masks(4) / "again.png", plain_png(32, 32, 1, 255));  // over all others
  write_file(masks(5) / "nothing.png", plain_png(32, 32, 1, 0));
  fs::copy_file(image(6), image(7), fs::copy_options::overwrite_existing);
  const Finished finished = check({"--val-split", "0.5"});
  EXPECT_EQ(finished.status, 65) << finished.out << finished.err;
  for (const auto& [severity, part] :
       std::vector<std::pair<std::string, std::string>>{{"error", ids_[0] + ".png"},
                                                        {"error", ids_[1] + ".png"},
                                                        {"error", ids_[2] + ".png has no masks"},
                                                        {"error", mask.filename().string() + " is 16 x 16 pixels"},
                                                        {"warning", "pixels lie in more than one mask"},
                                                        {"warning", "nothing.png has no pixel over 127"},
                                                        {"warning", "is the same picture as"}}) {
    bool found = false;
    for (const std::string& line : lines_of(finished.out)) {
      found = found || (line.starts_with(severity) && line.find(part) != std::string::npos);
    }
    EXPECT_TRUE(found) << severity << " " << part << " in:\n" << finished.out;
  }
  EXPECT_NE(finished.out.find("good_examples: 4\n"), std::string::npos) << finished.out;
  EXPECT_EQ(check({"--skip-bad", "--allow-duplicates"}).status, 75);
  EXPECT_FALSE(fs::exists(dir_ / "runs"));
}

TEST_F(CheckData, ThePictureInBothHalvesIsAnErrorUnlessAllowed) {
  for (std::size_t i = 1; i < 8; ++i) fs::copy_file(image(0), image(i), fs::copy_options::overwrite_existing);
  const Finished finished = check();
  EXPECT_EQ(finished.status, 65);
  EXPECT_NE(finished.out.find("would be trained on and is the same picture as"), std::string::npos) << finished.out;
  EXPECT_EQ(check({"--allow-duplicates"}).status, 0);
}

TEST_F(CheckData, SkipBadTrainsOnTheRestAndSaysSo) {
  cut(image(0));
  fs::remove_all(masks(2));
  const Words recipe{
      "--data", "data",      "--image-size", "32",  "--width", "0.35", "--decoder-filters", "8,8,8,8", "--epochs",
      "1",      "--minimal", "--device",     "cpu", "--out",   "run"};
  Finished finished = train(recipe);
  EXPECT_EQ(finished.status, 65);
  Words skipping = recipe;
  skipping.emplace_back("--skip-bad");
  finished = train(skipping);
  EXPECT_EQ(finished.status, 75) << finished.err;
  EXPECT_NE(finished.err.find("2 are left out"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("data: 5 pictures to train on, 1 for validation"), std::string::npos) << finished.err;
  EXPECT_TRUE(fs::exists(dir_ / "run/DONE"));
}

TEST_F(CheckData, NothingGoodIsBadData) {
  for (std::size_t i = 0; i < 8; ++i) cut(image(i));
  const Finished finished = check({"--skip-bad"});
  EXPECT_EQ(finished.status, 65) << finished.out << finished.err;
}

}  // namespace
}  // namespace karyon
