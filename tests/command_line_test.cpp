// Flags: every kind, their ranges, the environment, unknown ones and the help.
// Invariant: every test sets and clears the environment it needs, and looks at what a user would see.
#include "apps/cli/command_line.h"

#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "apps/cli/common_flags.h"
#include "apps/cli/cpus.h"
#include "apps/cli/edit_distance.h"
#include "apps/cli/program.h"
#include "tests/environment_variable.h"

namespace karyon {
namespace {

// A program with one flag of each kind.
struct Sample {
  int batch_size = 32;
  std::uint64_t seed = 0;
  double lr = 1e-3;
  std::vector<int> filters = {512, 256};
  bool freeze = true;
  std::string data;
  std::vector<std::string> paths;
  CommonFlags common;

  void parse(std::vector<const char*> words, bool with_paths = false) {
    CommandLine line("sample", "A program to try flags on");
    line.number("-b,--batch-size", batch_size, 1, 4096, "Images a step");
    line.number("--seed", seed, std::uint64_t{0}, UINT64_MAX, "Seed");
    line.number("--lr", lr, 1e-9, 10.0, "Learning rate");
    line.numbers("--decoder-filters", filters, 1, 4096, "Filters");
    line.toggle("freeze-encoder", freeze, "Keep the encoder as it is");
    line.text("--data", data, "Where the images are");
    if (with_paths) line.app().add_option("paths", paths, "Images");
    add_common_flags(line, common);
    words.insert(words.begin(), "sample");
    line.parse(static_cast<int>(words.size()), words.data());
  }
};

// The message of the usage error that the words lead to.
std::string usage_error(const std::vector<const char*>& words) {
  Sample sample;
  try {
    sample.parse(words);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::usage);
    return error.what();
  }
  ADD_FAILURE() << "accepted";
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(CommandLine, ReadsEveryKindOfFlag) {
  Sample sample;
  sample.parse({"--batch-size", "8", "--lr=0.01", "--decoder-filters", "64,32,16", "--no-freeze-encoder", "--data",
                "some where", "--seed", "18446744073709551615", "--threads", "3"});
  EXPECT_EQ(sample.batch_size, 8);
  EXPECT_EQ(sample.lr, 0.01);
  EXPECT_EQ(sample.filters, (std::vector<int>{64, 32, 16}));
  EXPECT_FALSE(sample.freeze);
  EXPECT_EQ(sample.data, "some where");
  EXPECT_EQ(sample.seed, UINT64_MAX);
  EXPECT_EQ(sample.common.threads, 3);
}

TEST(CommandLine, KeepsDefaultsWithoutFlags) {
  Sample sample;
  sample.parse({});
  EXPECT_EQ(sample.batch_size, 32);
  EXPECT_EQ(sample.filters, (std::vector<int>{512, 256}));
  EXPECT_TRUE(sample.freeze);
  EXPECT_EQ(sample.common.device, "auto");
  EXPECT_EQ(sample.common.threads, allowed_cpus());
}

TEST(CommandLine, TakesUnderscoresForDashesInNamesAlone) {
  Sample sample;
  sample.parse({"--batch_size=4", "--no_freeze_encoder", "--data=my_data", "--decoder_filters", "7"});
  EXPECT_EQ(sample.batch_size, 4);
  EXPECT_FALSE(sample.freeze);
  EXPECT_EQ(sample.data, "my_data");
  EXPECT_EQ(sample.filters, std::vector<int>{7});
}

TEST(CommandLine, LastOfATogglePairCounts) {
  Sample sample;
  sample.parse({"--no-freeze-encoder", "--freeze-encoder"});
  EXPECT_TRUE(sample.freeze);
  sample.parse({"--freeze-encoder", "--no-freeze-encoder"});
  EXPECT_FALSE(sample.freeze);
}

TEST(CommandLine, ListOfNumbersLeavesPathsAlone) {
  Sample sample;
  sample.parse({"--decoder-filters", "64,32", "7", "--", "--batch_size"}, true);
  EXPECT_EQ(sample.filters, (std::vector<int>{64, 32}));
  EXPECT_EQ(sample.paths, (std::vector<std::string>{"7", "--batch_size"}));
}

TEST(CommandLine, ReadsNumbersAsDecimals) {
  Sample sample;
  sample.parse({"--batch-size", "010"});
  EXPECT_EQ(sample.batch_size, 10);
  for (const char* word : {"0x10", "8.0", "8 ", "1e2", "", "eight", "99999999999999999999"})
    EXPECT_TRUE(contains(usage_error({"--batch-size", word}), "1..4096")) << word;
}

TEST(CommandLine, RefusesNumbersOutOfRangeAndNamesIt) {
  for (const char* word : {"0", "-1", "4097"}) {
    const std::string message = usage_error({"--batch-size", word});
    EXPECT_TRUE(contains(message, "--batch-size") && contains(message, word) && contains(message, "1..4096"))
        << message;
  }
  for (const char* word : {"nan", "inf", "-inf", "-0.1", "0", "11"})
    EXPECT_TRUE(contains(usage_error({"--lr", word}), "1e-09..10")) << word;
  EXPECT_TRUE(contains(usage_error({"--decoder-filters", "64,0"}), "1..4096"));
  EXPECT_TRUE(contains(usage_error({"--threads", "0"}), "1..1024"));
  EXPECT_TRUE(contains(usage_error({"--device", "gpu"}), "auto, cpu, cuda"));
}

TEST(CommandLine, SuggestsTheNearestFlag) {
  EXPECT_TRUE(contains(usage_error({"--bach-size", "3"}), "unknown flag --bach-size; did you mean --batch-size?"));
  EXPECT_TRUE(contains(usage_error({"--batch"}), "did you mean --batch-size?"));
  EXPECT_TRUE(contains(usage_error({"--sede=3"}), "unknown flag --sede; did you mean --seed?"));
  EXPECT_TRUE(contains(usage_error({"--no_freze_encoder"}), "did you mean --no-freeze-encoder?"));
  EXPECT_TRUE(contains(usage_error({"--zzzzzz"}), "unknown flag --zzzzzz; --help lists the flags"));
  EXPECT_TRUE(contains(usage_error({"-z"}), "unknown flag -z"));
}

TEST(CommandLine, UnknownFlagIsNamedBeforeOtherFaults) {
  EXPECT_TRUE(contains(usage_error({"--epoch", "3", "--lr", "nan"}), "unknown flag --epoch"));
}

TEST(CommandLine, RefusesStrayWordsMissingValuesAndContradictions) {
  EXPECT_TRUE(contains(usage_error({"stray"}), "unexpected argument 'stray'"));
  EXPECT_TRUE(contains(usage_error({"--lr"}), "--lr"));
  EXPECT_TRUE(contains(usage_error({"--quiet", "--verbose"}), "--quiet"));
}

TEST(CommandLine, EnvironmentStandsBetweenDefaultAndCommandLine) {
  const Variable batch("KARYON_BATCH_SIZE", "16"), freeze("KARYON_FREEZE_ENCODER", "false"),
      filters("KARYON_DECODER_FILTERS", "9,8"), empty("KARYON_LR", "");
  Sample sample;
  sample.parse({});
  EXPECT_EQ(sample.batch_size, 16);
  EXPECT_FALSE(sample.freeze);
  EXPECT_EQ(sample.filters, (std::vector<int>{9, 8}));
  EXPECT_EQ(sample.lr, 1e-3);
  Sample second;
  second.parse({"-b", "5", "--freeze-encoder", "--decoder-filters", "1"});
  EXPECT_EQ(second.batch_size, 5);
  EXPECT_TRUE(second.freeze);
  EXPECT_EQ(second.filters, std::vector<int>{1});
}

TEST(CommandLine, RefusesBadEnvironmentByName) {
  const Variable batch("KARYON_BATCH_SIZE", "0");
  const std::string message = usage_error({});
  EXPECT_TRUE(contains(message, "KARYON_BATCH_SIZE") && contains(message, "1..4096")) << message;
}

TEST(CommandLine, RequiredFlagMayComeFromTheEnvironment) {
  const Variable model("KARYON_MODEL", "best.safetensors");
  CommandLine line("sample", "");
  std::string model_path;
  line.text("--model", model_path, "Weights")->required();
  const char* words[] = {"sample"};
  line.parse(1, words);
  EXPECT_EQ(model_path, "best.safetensors");
}

TEST(CommandLine, HelpShowsFlagsDefaultsAndExitStatuses) {
  const Variable batch("KARYON_BATCH_SIZE", "16");
  try {
    Sample().parse({"--help"});
    FAIL() << "no help";
  } catch (const Answered& answer) {
    for (const char* part : {"--batch-size 1..4096 ", "[32]", "[512,256]", "--freeze-encoder,--no-freeze-encoder",
                             "[on]", "Exit status:", "65  bad data", "KARYON_BATCH_SIZE"})
      EXPECT_TRUE(contains(answer.text, part)) << part << " in\n" << answer.text;
    EXPECT_FALSE(contains(answer.text, "{false}")) << answer.text;
    EXPECT_FALSE(contains(answer.text, "Env:")) << answer.text;
  }
}

TEST(CommandLine, VersionNamesLibraryCompilerProcessorAndCuda) {
  try {
    Sample().parse({"--version"});
    FAIL() << "no version";
  } catch (const Answered& answer) {
    EXPECT_TRUE(answer.text.starts_with("sample " KARYON_VERSION "\n")) << answer.text;
    for (const char* part : {"\ncompiler: ", "\nlibrary: oneDNN ", "\ncpu: "})
      EXPECT_TRUE(contains(answer.text, part)) << answer.text;
#if KARYON_WITH_CUDA
    for (const char* part : {"\ncuda: toolkit ", "\ndriver: ", "\ncuDNN: ", "\ncuBLAS: ", "\ndevice: "})
      EXPECT_TRUE(contains(answer.text, part)) << answer.text;
#else
    EXPECT_TRUE(contains(answer.text, "\ncuda: not built in\n")) << answer.text;
#endif
  }
}

TEST(EditDistance, CountsChanges) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("seed", "sede"), 1);
  EXPECT_EQ(edit_distance("epochs", "epochs"), 0);
}
}  // namespace
}  // namespace karyon
