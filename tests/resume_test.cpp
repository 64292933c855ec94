// A run that is stopped, by SIGKILL at any moment or by Ctrl-C, and goes on gives the bytes of the run that was not; a
// folder has one run at a time; what is written down starts the same run again.
#include <csignal>
#include <fstream>
#include <random>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/file.h>

#include "apps/training/run_files.h"
#include "apps/training/run_state.h"
#include "engine/files.h"
#include "tests/child.h"
#include "tests/expect_error.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// train_unet, running; `words` behind its name.
class RunningTraining {
 public:
  RunningTraining(Words words, const fs::path& folder) {
    words.insert(words.begin(), std::string(KARYON_BIN) + "/train_unet");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    child_ = fork();
    if (child_ == 0) {
      const bool ready = chdir(folder.c_str()) == 0 && dup2(open("/dev/null", O_RDWR), STDOUT_FILENO) >= 0 &&
                         dup2(open("/dev/null", O_RDWR), STDERR_FILENO) >= 0;
      if (ready) execv(argv[0], argv.data());
      _exit(127);
    }
  }
  void send(int signal) const { kill(child_, signal); }
  /// The exit status, 128 + the signal when one ended it.
  int wait() const {
    int status = 0;
    waitpid(child_, &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t child_;
};

class Resume : public ::testing::Test {
 protected:
  static Words recipe(const std::string& epochs = "3") {
    return {"--device",        "cpu",    "--width",        "0.35", "--decoder-filters",  "16,8,8,8",
            "--image-size",    "32",     "--threads",      "1",    "--synthetic-images", "40",
            "--batch-size",    "4",      "--epochs",       epochs, "--checkpoint-every", "2",
            "--sample-epochs", "2",      "--ema",          "0.9",  "--clip-norm",        "1",
            "--schedule",      "cosine", "--weight-decay", "0.01"};
  }
  static Words with(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  /// history.csv without what time and memory decide.
  std::string history(const std::string& run) const {
    std::istringstream lines(text_of(dir_ / run / "history.csv"));
    std::string text;
    for (std::string line; std::getline(lines, line);) {
      std::size_t end = 0;
      for (int column = 0; column < 10 && end != std::string::npos; ++column) end = line.find(',', end + 1);
      text += line.substr(0, end) + "\n";
    }
    return text;
  }
  void expect_same_run(const std::string& a, const std::string& b) const {
    for (const char* file : {"weights/best.safetensors", "weights/last.safetensors", "split.json"}) {
      EXPECT_EQ(read_file(dir_ / a / file), read_file(dir_ / b / file)) << file;
    }
    EXPECT_EQ(history(a), history(b));
    EXPECT_TRUE(fs::exists(dir_ / a / "DONE"));
    EXPECT_TRUE(fs::exists(dir_ / b / "DONE"));
  }
  Finished train(const Words& words) const { return run_child("train_unet", words, dir_.path()); }

  /// Starts the run that `words` describe, into "killed", and ends it so many times at random moments; then lets it
  /// end.
  void train_with_kills(Words words, int kills) const {
    std::minstd_rand random(7);
    for (int kill = 0; kill < kills; ++kill) {
      const RunningTraining running(words, dir_.path());
      // From the second time on a state is there from the start, and steps follow at once.
      while (!fs::exists(dir_ / "killed/state/last.safetensors")) usleep(1000);
      usleep(static_cast<useconds_t>(random() % (kill == 0 ? 20'000 : 300'000)));
      running.send(SIGKILL);
      running.wait();
      if (fs::exists(dir_ / "killed/config.toml")) words = {"--resume", "killed", "--device", "cpu"};
    }
    ASSERT_EQ(train(words).status, 0);
  }

  TempDir dir_;
};

TEST_F(Resume, GoesOnFromAnyMomentAsIfNothingHadHappened) {
  ASSERT_EQ(train(with(recipe(), {"--out", "whole"})).status, 0);
  train_with_kills(with(recipe(), {"--out", "killed"}), 6);
  expect_same_run("whole", "killed");
  EXPECT_FALSE(fs::exists(dir_ / "killed/state/last.safetensors.prev"));
}

TEST_F(Resume, CropsAreThoseOfTheUninterruptedRun) {
  ASSERT_EQ(train({"--write-synthetic", "14", "--image-size", "64", "--out", "pictures"}).status, 0);
  const Words crops = with(recipe(), {"--data", "pictures", "--crop", "32", "--classes", "3"});
  ASSERT_EQ(train(with(crops, {"--out", "whole"})).status, 0);
  train_with_kills(with(crops, {"--out", "killed"}), 3);
  expect_same_run("whole", "killed");
}

TEST_F(Resume, ASignalSavesTheStateAndSaysHowToGoOn) {
  ASSERT_EQ(train(with(recipe(), {"--out", "whole"})).status, 0);
  for (const auto& [signal, status] : {std::pair(SIGINT, 130), std::pair(SIGTERM, 143), std::pair(SIGHUP, 129)}) {
    const std::string run = "signal" + std::to_string(signal);
    const RunningTraining running(with(recipe(), {"--out", run}), dir_.path());
    while (!fs::exists(dir_ / run / "state/last.safetensors")) usleep(1000);
    running.send(signal);
    EXPECT_EQ(running.wait(), status);
    EXPECT_FALSE(fs::exists(dir_ / run / "DONE"));
    EXPECT_NE(text_of(dir_ / run / "train.log").find("go on by --resume"), std::string::npos);
    EXPECT_EQ(train({"--resume", run}).status, 0);
    expect_same_run("whole", run);
  }
}

TEST_F(Resume, MoreEpochsGoOnBehindTheEnd) {
  Words constant = recipe("2");
  std::replace(constant.begin(), constant.end(), std::string("cosine"), std::string("constant"));
  ASSERT_EQ(train(with(constant, {"--out", "run"})).status, 0);
  ASSERT_EQ(train({"--resume", "run", "--epochs", "4"}).status, 0);
  std::replace(constant.begin(), constant.end(), std::string("2"), std::string("4"));
  constant[static_cast<std::size_t>(std::ranges::find(constant, "--checkpoint-every") - constant.begin()) + 1] = "2";
  constant[static_cast<std::size_t>(std::ranges::find(constant, "--sample-epochs") - constant.begin()) + 1] = "2";
  ASSERT_EQ(train(with(constant, {"--out", "whole"})).status, 0);
  expect_same_run("whole", "run");
}

TEST_F(Resume, OtherSettingsAreListedAndRefused) {
  ASSERT_EQ(train(with(recipe("1"), {"--out", "run"})).status, 0);
  const Words other{"--resume", "run", "--batch-size", "8", "--seed", "5", "--threads", "1", "--patience", "3"};
  expect_failure(train(other), "train_unet", 2, {"batch-size was 4, is 8", "seed was 0, is 5", "--resume-anyway"});
  EXPECT_EQ(train(other).err.find("patience was"), std::string::npos);
  expect_failure(train({"--resume", "nowhere"}), "train_unet", 66, {"nowhere", "no config.toml"});
  expect_failure(train({"--resume", "run", "--out", "elsewhere"}), "train_unet", 2, {"contradicts"});
}

TEST_F(Resume, TheConfigurationStartsTheSameRunAgain) {
  ASSERT_EQ(train(with(recipe("2"), {"--out", "first"})).status, 0);
  ASSERT_EQ(train({"--config", "first/config.toml", "--out", "second"}).status, 0);
  expect_same_run("first", "second");
  EXPECT_EQ(text_of(dir_ / "first/config.toml"), text_of(dir_ / "second/config.toml"));
}

TEST_F(Resume, TwoRunsInOneFolderAreOneTooMany) {
  fs::create_directories(dir_ / "run");
  const int fd = open((dir_ / "run/.lock").c_str(), O_RDWR | O_CREAT, 0644);
  ASSERT_GE(write(fd, "process 42 on here\n", 19), 0);
  ASSERT_EQ(flock(fd, LOCK_EX), 0);
  const Words words = with(recipe("1"), {"--out", "run", "--exist-ok"});
  expect_failure(train(words), "train_unet", 73, {"in use by another run (process 42 on here)"});
  close(fd);  // as the system does for a process that died
  EXPECT_EQ(train(words).status, 0);
  EXPECT_FALSE(fs::exists(dir_ / "run/.lock"));
}

TEST_F(Resume, ABrokenStateGivesWayToTheOneBeforeIt) {
  ASSERT_EQ(train(with(recipe("1"), {"--out", "run"})).status, 0);
  const fs::path last = dir_ / "run/state/last.safetensors";
  const std::vector<std::uint8_t> whole = read_file(last);
  std::string warning;
  ASSERT_TRUE(load_state(dir_ / "run", warning));
  EXPECT_EQ(warning, "");
  std::vector<std::uint8_t> broken = whole;
  broken.back() ^= 1;
  write_file(last, broken);
  expect_error(Exit::bad_data, "is damaged", [&] { load_state(dir_ / "run", warning); });
  write_file(last.string() + ".prev", whole);
  const auto state = load_state(dir_ / "run", warning);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->epoch, 2);
  EXPECT_NE(warning.find("going on from the one before it"), std::string::npos) << warning;
  fs::remove_all(dir_ / "run/state");
  EXPECT_FALSE(load_state(dir_ / "run", warning));
}

TEST_F(Resume, TheRunFolderHoldsWhatItPromises) {
  ASSERT_EQ(train(with(recipe("2"), {"--out", "run"})).status, 0);
  for (const char* file : {"config.toml",
                           "env.json",
                           "split.json",
                           "history.csv",
                           "history.jsonl",
                           "train.log",
                           "results.png",
                           "results.svg",
                           "samples/augmented.png",
                           "model.png",
                           "model.svg",
                           "model.txt",
                           "samples/epoch_0002.png",
                           "samples/worst.png",
                           "tb/train",
                           "tb/validation",
                           "weights/best.safetensors",
                           "weights/last.safetensors",
                           "state/last.safetensors",
                           "report.html",
                           "DONE"}) {
    EXPECT_TRUE(fs::exists(dir_ / "run" / file)) << file;
  }
  const std::string report = text_of(dir_ / "run/report.html");
  EXPECT_EQ(report.find("http://"), report.find("http://www.w3.org")) << "only the names of SVG's namespaces";
  EXPECT_EQ(report.find("<script"), std::string::npos);
  EXPECT_EQ(lines_of(text_of(dir_ / "run/history.jsonl")).size(), 2U);
  ASSERT_EQ(train(with(recipe("1"), {"--out", "minimal", "--minimal"})).status, 0);
  EXPECT_FALSE(fs::exists(dir_ / "minimal/tb"));
  EXPECT_FALSE(fs::exists(dir_ / "minimal/report.html"));
  EXPECT_TRUE(fs::exists(dir_ / "minimal/state/last.safetensors"));
}

TEST(RunDifferences, NameWhatChangesTheResults) {
  const std::string saved = "batch-size = 4\nepochs = 3\nlr = 0.1\nschedule = 'constant'\n";
  EXPECT_EQ(differences(saved, saved), "");
  EXPECT_EQ(differences(saved, "batch-size = 4\nepochs = 9\nlr = 0.1\nschedule = 'constant'\nthreads = 3\n"), "");
  EXPECT_EQ(differences(saved, "batch-size = 4\nepochs = 3\nschedule = 'constant'\n"), "\n  lr was 0.1, is not set");
  EXPECT_NE(differences("epochs = 3\nschedule = 'cosine'\n", "epochs = 4\nschedule = 'cosine'\n"), "");
}

}  // namespace
}  // namespace karyon
