// --config: where its values stand, what is refused with its line, and that a written file gives the same again.
#include "apps/cli/config_file.h"

#include <gtest/gtest.h>

#include "apps/cli/command_line.h"
#include "engine/files.h"
#include "tests/environment_variable.h"
#include "tests/expect_error.h"
#include "tests/temp_dir.h"

namespace karyon {
namespace {

struct Sample {
  int epochs = 10;
  double lr = 1e-3;
  float share = 0.1F;
  std::vector<int> filters{512, 256};
  bool freeze = true;
  std::string data;
  bool epochs_given = false, lr_given = false;
  std::string config;

  void parse(std::vector<std::string> words) {
    CommandLine line("sample", "");
    CLI::Option* epochs_flag = line.number("-e,--epochs", epochs, 1, 100, "Epochs");
    CLI::Option* lr_flag = line.number("--lr", lr, 1e-9, 10.0, "Rate");
    line.number("--val-share", share, 0.0F, 1.0F, "Share");
    line.numbers("--decoder-filters", filters, 1, 4096, "Filters");
    line.toggle("freeze-encoder", freeze, "Freeze");
    line.text("--data", data, "Data");
    line.take_config_file();
    words.insert(words.begin(), "sample");
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    line.parse(static_cast<int>(argv.size()), argv.data());
    epochs_given = line.is_given(epochs_flag);
    lr_given = line.is_given(lr_flag);
    config = line.config_text({"lr"});
  }
};

class ConfigFile : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    write_file(file_, text);
    return file_;
  }
  Sample parsed(const std::string& text, std::vector<std::string> words = {}) {
    words.insert(words.begin(), {"--config", write(text)});
    Sample sample;
    sample.parse(words);
    return sample;
  }
  void expect_refused(const std::string& text, const std::string& message) {
    expect_error(Exit::bad_config, file_.string() + ":" + message, [&] { parsed(text); });
  }
  TempDir folder_;
  std::filesystem::path file_ = folder_ / "c.toml";
};

TEST_F(ConfigFile, SetsEveryKindOfFlag) {
  const Sample sample = parsed(
      "# mine\nepochs = 20\nlr = 1\nval_share = 0.25\ndecoder-filters = [8, 4]\nfreeze-encoder = false\ndata = 'a "
      "\"b\"'\n");
  EXPECT_EQ(sample.epochs, 20);
  EXPECT_EQ(sample.lr, 1.0);
  EXPECT_EQ(sample.share, 0.25F);
  EXPECT_EQ(sample.filters, (std::vector<int>{8, 4}));
  EXPECT_FALSE(sample.freeze);
  EXPECT_EQ(sample.data, "a \"b\"");
  EXPECT_TRUE(sample.epochs_given);
}

TEST_F(ConfigFile, StandsBetweenDefaultAndEnvironment) {
  EXPECT_EQ(parsed("epochs = 20").epochs, 20);
  EXPECT_FALSE(parsed("epochs = 20").lr_given);
  const Variable variable("KARYON_EPOCHS", "30");
  EXPECT_EQ(parsed("epochs = 20").epochs, 30);
  EXPECT_EQ(parsed("epochs = 20", {"--epochs", "40"}).epochs, 40);
  EXPECT_EQ(parsed("decoder-filters = [8, 4]", {"--decoder-filters", "1,2,3"}).filters, (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(parsed("freeze-encoder = false", {"--freeze-encoder"}).freeze);
}

TEST_F(ConfigFile, MayBeNamedInEveryWay) {
  const std::string file = write("epochs = 20");
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--config=" + file}, {"-c", file}, {"--lr", "1", "--config", file}}) {
    Sample sample;
    sample.parse(words);
    EXPECT_EQ(sample.epochs, 20);
  }
  const Variable variable("KARYON_CONFIG", file.c_str());
  Sample sample;
  sample.parse({});
  EXPECT_EQ(sample.epochs, 20);
}

TEST_F(ConfigFile, RefusesByLine) {
  expect_refused("epochs = 20\nepoch = 3\n", "2: unknown key 'epoch'; did you mean --epochs?");
  expect_refused("\nepochs = 'ten'\n", "2: 'epochs' is text, expected a number");
  expect_refused("epochs = 0\n", "1: ");
  expect_refused("epochs = 1.5\n", "1: ");
  expect_refused("lr = nan\n", "1: ");
  expect_refused("freeze-encoder = 1\n", "1: 'freeze-encoder' is a number, expected true or false");
  expect_refused("data = true\n", "1: 'data' is true or false, expected text");
  expect_refused("decoder-filters = 8\n", "1: 'decoder-filters' is a number, expected a list of numbers");
  expect_refused("decoder-filters = [8, 'x']\n", "1: 'decoder-filters' is neither");
  expect_refused("epochs = 2\nepochs = 3\n", "2: ");
  expect_refused("val-share = 0.5\nlr = 1\nval_share = 0.5\n", "3: 'val-share' stands in line 1 too");
  expect_refused("[a]\nepochs = 2\n[a]\n", "3: ");
  expect_refused("lr = 1\n[training]\nepochs = 2\n", "2: [training]: there are no sections here");
  expect_refused("config = 'x'\n", "1: unknown key 'config'");
  expect_refused("epochs = \n", "1: ");
  expect_error(Exit::no_input, "none.toml", [] {
    Sample sample;
    sample.parse({"--config", "none.toml"});
  });
}

TEST_F(ConfigFile, WhatIsWrittenGivesTheSameAgain) {
  Sample first;
  first.parse({"--epochs", "7", "--val-share", "0.3", "--decoder-filters", "9,8", "--no-freeze-encoder", "--data",
               "tab\t\"quote\" back\\slash new\nline 'x'", "--lr", "0.5"});
  EXPECT_EQ(first.config.find("lr"), std::string::npos) << "left out";
  const Sample second = parsed(first.config);
  EXPECT_EQ(second.epochs, first.epochs);
  EXPECT_EQ(second.share, first.share);
  EXPECT_EQ(second.filters, first.filters);
  EXPECT_EQ(second.freeze, first.freeze);
  EXPECT_EQ(second.data, first.data);
  EXPECT_EQ(second.config, first.config);
}

}  // namespace
}  // namespace karyon
