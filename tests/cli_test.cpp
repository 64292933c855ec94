// The command line that both programs share: flags, environment, exit statuses, device, threads, log and bar.
// Invariant: every test sets and clears the environment it needs, and looks at what a user would see.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <locale>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/cli/command_line.h"
#include "apps/cli/common_flags.h"
#include "apps/cli/cpus.h"
#include "apps/cli/device.h"
#include "apps/cli/edit_distance.h"
#include "apps/cli/log.h"
#include "apps/cli/program.h"
#include "apps/cli/progress_bar.h"

namespace karyon {
namespace {

class Variable {
 public:
  Variable(std::string name, const char* value) : name_(std::move(name)) {
    if (const char* before = std::getenv(name_.c_str())) before_ = before;
    if (value == nullptr) {
      unsetenv(name_.c_str());
    } else {
      setenv(name_.c_str(), value, 1);
    }
  }
  ~Variable() {
    if (before_) {
      setenv(name_.c_str(), before_->c_str(), 1);
    } else {
      unsetenv(name_.c_str());
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  std::string name_;
  std::optional<std::string> before_;
};

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

TEST(CommandLine, VersionNamesLibraryCompilerAndProcessor) {
  try {
    Sample().parse({"--version"});
    FAIL() << "no version";
  } catch (const Answered& answer) {
    EXPECT_TRUE(answer.text.starts_with("sample " KARYON_VERSION "\n")) << answer.text;
    for (const char* part : {"compiler: ", "oneDNN ", "cpu: ", "cuda: not built in"})
      EXPECT_TRUE(contains(answer.text, part)) << answer.text;
  }
}

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

template <class Body>
Outcome run(const Body& body) {
  char name[] = "/somewhere/bin/sample";
  char* argv[] = {name, nullptr};
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = run_program(1, argv, [&](int, char**) -> Exit { return body(); });
  return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

TEST(Program, ReturnsWhatTheBodyReturns) {
  EXPECT_EQ(run([] { return Exit::done; }).code, 0);
  EXPECT_EQ(run([] { return Exit::partly_done; }).code, 75);
}

TEST(Program, TurnsFailuresIntoOneLineAndAStatus) {
  const Outcome known = run([]() -> Exit { throw Error(Exit::bad_data, "a.png: no image"); });
  EXPECT_EQ(known.code, 65);
  EXPECT_EQ(known.err, "sample: a.png: no image\n");
  EXPECT_EQ(known.out, "");
  EXPECT_EQ(run([]() -> Exit { throw std::bad_alloc(); }).code, 71);
  const Outcome other = run([]() -> Exit { throw std::out_of_range("index"); });
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(other.err, "sample: index\n");
  EXPECT_EQ(run([]() -> Exit { throw 3; }).code, 1);
}

TEST(Program, PrintsAnswersOnStdout) {
  const Outcome outcome = run([]() -> Exit { throw Answered{"the help\n"}; });
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "the help\n");
  EXPECT_EQ(outcome.err, "");
}

struct Comma final : std::numpunct<char> {
  [[nodiscard]] char do_decimal_point() const override { return ','; }
};

TEST(Program, WritesNumbersWithAPointWhateverTheLocale) {
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Comma));
  const Outcome outcome = run([] {
    std::ostringstream text;
    text << 0.5;
    std::cout << text.str();
    return Exit::done;
  });
  std::locale::global(before);
  EXPECT_EQ(outcome.out, "0.5");
}

// Runs the body in a child whose stdout is `fd`; its exit status, or 128 + the signal that ended it.
int run_with_stdout(int fd) {
  const pid_t child = fork();
  if (child == 0) {
    dup2(fd, STDOUT_FILENO);
    char name[] = "sample";
    char* argv[] = {name, nullptr};
    std::signal(SIGPIPE, SIG_DFL);
    _exit(run_program(1, argv, [](int, char**) {
      std::cout << "results\n" << std::flush;
      std::cout << "more\n";
      return Exit::done;
    }));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(Program, SurvivesAReaderThatLeaves) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(run_with_stdout(ends[1]), 0);
  close(ends[1]);
}

TEST(Program, LostResultsAreAnError) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full < 0) GTEST_SKIP() << "no /dev/full here";
  EXPECT_EQ(run_with_stdout(full), 74);
  close(full);
}

TEST(EditDistance, CountsChanges) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("seed", "sede"), 1);
  EXPECT_EQ(edit_distance("epochs", "epochs"), 0);
}

TEST(Device, CpuAndAutoAreTheCpuHere) {
  Log log(Verbosity::normal);
  testing::internal::CaptureStderr();
  EXPECT_FALSE(choose_device("cpu", log).is_cuda());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  testing::internal::CaptureStderr();
  EXPECT_FALSE(choose_device("auto", log).is_cuda());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "device: cpu, because this build has no CUDA part\n");
}

TEST(Device, AnExplicitCudaIsRefusedWithWhatWasFound) {
  Log log(Verbosity::normal);
  for (const char* name : {"cuda", "cuda:1"}) {
    try {
      choose_device(name, log);
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::no_device);
      for (const char* part : {name, "no CUDA part", "libcuda.so.1", "/dev/nvidia", "--device cpu"})
        EXPECT_TRUE(contains(error.what(), part)) << error.what();
    }
  }
}

TEST(Device, KnowsItsNames) {
  for (const char* name : {"auto", "cpu", "cuda", "cuda:0", "cuda:12"}) EXPECT_TRUE(is_device_name(name)) << name;
  for (const char* name : {"", "CPU", "gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:1234", "cpu:0"})
    EXPECT_FALSE(is_device_name(name)) << name;
}

class Cpus : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "karyon-cpus-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  int allowed() { return allowed_cpus(root_ / "groups", root_ / "cgroup"); }

  std::filesystem::path root_;
};

TEST_F(Cpus, FollowTheAffinityMask) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(allowed(), CPU_COUNT(&before));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(allowed(), 1);
  sched_setaffinity(0, sizeof before, &before);
}

// Quotas under one CPU show on any machine.
TEST_F(Cpus, FollowAQuotaOfTheSecondKindOfGroups) {
  write("groups", "0::/work/run\n");
  write("cgroup/work/run/cpu.max", "max 100000\n");
  const int unlimited = allowed();
  write("cgroup/work/cpu.max", "50000 100000\n");
  EXPECT_EQ(allowed(), 1);
  write("cgroup/work/cpu.max", "100000000 100000\n");
  EXPECT_EQ(allowed(), unlimited);
}

TEST_F(Cpus, FollowAQuotaOfTheFirstKindOfGroups) {
  write("groups", "5:memory:/other\n4:cpu,cpuacct:/not/visible/here\n");
  write("cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  write("cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  const int unlimited = allowed();
  EXPECT_EQ(unlimited, allowed_cpus("/nonexistent", "/nonexistent"));
  write("cgroup/cpu,cpuacct/cpu.cfs_quota_us", "20000\n");
  EXPECT_EQ(allowed(), 1);
}

TEST_F(Cpus, RoundAQuotaUp) {
  const int unlimited = allowed();
  if (unlimited < 2) GTEST_SKIP() << "needs two CPUs";
  write("groups", "0::/\n");
  write("cgroup/cpu.max", "110000 100000\n");
  EXPECT_EQ(allowed(), 2);
}

TEST_F(Cpus, IgnoreBrokenFiles) {
  const int unlimited = allowed();
  write("groups", "nonsense\n0::/\n:\n");
  write("cgroup/cpu.max", "many few\n");
  EXPECT_EQ(allowed(), unlimited);
  write("cgroup/cpu.max", "100 0\n");
  EXPECT_EQ(allowed(), unlimited);
}

// A terminal of 60 columns: what is written to its slave side can be read back.
class Terminal {
 public:
  Terminal() : master_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    if (master_ < 0 || grantpt(master_) != 0 || unlockpt(master_) != 0) return;
    slave_ = open(ptsname(master_), O_RDWR | O_NOCTTY | O_CLOEXEC);
    const winsize size{24, kColumns, 0, 0};
    ioctl(master_, TIOCSWINSZ, &size);
  }
  ~Terminal() {
    close(slave_);
    close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  static constexpr unsigned short kColumns = 60;
  [[nodiscard]] bool there() const { return slave_ >= 0; }
  [[nodiscard]] int fd() const { return slave_; }
  // All that was written so far; the log must be done.
  std::string read_all() {
    fcntl(master_, F_SETFL, O_NONBLOCK);
    std::string text(4096, '\0');
    const ssize_t got = read(master_, text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

 private:
  int master_;
  int slave_ = -1;
};

TEST(Log, LevelsChooseTheLines) {
  for (const auto& [verbosity, expected] :
       {std::pair{Verbosity::quiet, "warning: w\n"}, std::pair{Verbosity::normal, "n\nwarning: w\n"},
        std::pair{Verbosity::verbose, "n\nd\nwarning: w\n"}}) {
    testing::internal::CaptureStderr();
    Log log(verbosity);
    log.note("n");
    log.detail("d");
    log.warn("w");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), expected);
  }
}

TEST(Log, ABarIsSilentOutsideATerminal) {
  const Variable term("TERM", "xterm");
  testing::internal::CaptureStderr();
  {
    Log log;
    EXPECT_FALSE(log.live());
    ProgressBar bar(log, "reading", 10, "images");
    bar.advance(10);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Log, ABarIsDrawnOnATerminalAndTakenAway) {
  const Variable term("TERM", "xterm");
  Terminal terminal;
  if (!terminal.there()) GTEST_SKIP() << "no pseudo-terminals here";
  {
    Log log(Verbosity::normal, terminal.fd());
    ASSERT_TRUE(log.live());
    ProgressBar bar(log, "reading", 10, "images");
    log.note("a line");
  }
  const std::string bar = progress_line({"reading", 0, 10, 0, "images", ""}, Terminal::kColumns - 1);
  EXPECT_EQ(terminal.read_all(), "\r" + bar + "\x1b[K" + "\ra line\x1b[K\r\n" + bar + "\r\x1b[K");
}

TEST(Log, NoBarOnADumbOrQuietTerminal) {
  Terminal terminal;
  if (!terminal.there()) GTEST_SKIP() << "no pseudo-terminals here";
  for (const char* name : {static_cast<const char*>(nullptr), "", "dumb"}) {
    const Variable term("TERM", name);
    EXPECT_FALSE(Log(Verbosity::normal, terminal.fd()).live());
  }
  const Variable term("TERM", "xterm");
  EXPECT_FALSE(Log(Verbosity::quiet, terminal.fd()).live());
}

TEST(Log, ColourOnlyWhereWanted) {
  const Variable term("TERM", "xterm");
  Terminal terminal;
  if (!terminal.there()) GTEST_SKIP() << "no pseudo-terminals here";
  {
    const Variable no_color("NO_COLOR", nullptr);
    Log(Verbosity::normal, terminal.fd()).warn("w");
  }
  EXPECT_EQ(terminal.read_all(), "\x1b[33mwarning:\x1b[0m w\r\n");
  const Variable no_color("NO_COLOR", "1");
  Log(Verbosity::normal, terminal.fd()).warn("w");
  EXPECT_EQ(terminal.read_all(), "warning: w\r\n");
}

TEST(ProgressBar, IsDrawnAtMostTenTimesASecond) {
  const Variable term("TERM", "xterm");
  Terminal terminal;
  if (!terminal.there()) GTEST_SKIP() << "no pseudo-terminals here";
  Log log(Verbosity::normal, terminal.fd());
  const auto start = std::chrono::steady_clock::now();
  ProgressBar bar(log, "x", 50, "images");
  for (int i = 0; i < 50; ++i) bar.advance();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  const std::string bytes = terminal.read_all();
  EXPECT_LE(std::count(bytes.begin(), bytes.end(), '\r'), 1 + static_cast<int>(taken.count() * 10));
}

TEST(ProgressBar, CountsFromSeveralThreads) {
  const Variable term("TERM", "xterm");
  Terminal terminal;
  if (!terminal.there()) GTEST_SKIP() << "no pseudo-terminals here";
  Log log(Verbosity::normal, terminal.fd());
  ProgressBar bar(log, "x", 41, "images");
  const auto work = [&] {
    for (int i = 0; i < 20; ++i) bar.advance();
  };
  std::thread other(work);
  work();
  other.join();
  terminal.read_all();
  std::this_thread::sleep_for(std::chrono::milliseconds(150));  // the next call draws again
  bar.advance();
  EXPECT_TRUE(contains(terminal.read_all(), "41/41"));
}

TEST(ProgressLine, ShowsShareRateAndTimeLeft) {
  EXPECT_EQ(progress_line({"epoch 1", 25, 100, 10, "images", "loss 0.3"}, 79),
            "epoch 1 [=======>                     ]  25/100 2.5 images/s 0:30 left loss 0.3");
  EXPECT_EQ(progress_line({"epoch 1", 0, 100, 0, "images", ""}, 40), "epoch 1 [>                     ]   0/100");
}

TEST(ProgressLine, FitsAnyWidthAndStaysSaneAtTheEdges) {
  for (int columns = 0; columns < 100; ++columns) {
    const std::string line = progress_line({"epoch 1", 25, 100, 10, "images", "loss 0.3"}, columns);
    EXPECT_LE(static_cast<int>(line.size()), columns) << line;
  }
  EXPECT_TRUE(contains(progress_line({"x", 12, 10, 1, "", ""}, 79), "10/10"));
  EXPECT_TRUE(contains(progress_line({"x", 0, 0, 1, "", ""}, 79), "0/0"));
  EXPECT_TRUE(contains(progress_line({"x", 1, 1000000, 1, "", ""}, 79), "99:00:00 left"));
}

}  // namespace
}  // namespace karyon
