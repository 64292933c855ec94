// What is told on stderr: lines by level, and the progress bar on terminals alone.
#include "apps/cli/log.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "apps/cli/progress_bar.h"
#include "tests/environment_variable.h"

namespace karyon {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

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
  // All that was written so far; the log must be done. A terminal hands on what it got in its own time, so a mark is
  // written behind it and waited for.
  std::string read_all() const {
    const std::string mark = "<end>";
    if (write(slave_, mark.data(), mark.size()) != static_cast<ssize_t>(mark.size())) return "the mark was not written";
    std::string text;
    pollfd readable{master_, POLLIN, 0};
    constexpr int milliseconds = 10'000;
    while (!text.ends_with(mark) && poll(&readable, 1, milliseconds) == 1) {
      std::array<char, 4096> piece{};
      const ssize_t got = read(master_, piece.data(), piece.size());
      if (got <= 0) break;
      text.append(piece.data(), static_cast<std::size_t>(got));
    }
    if (text.ends_with(mark)) text.resize(text.size() - mark.size());
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

TEST(ProgressBar, OutsideATerminalGivesALineEverySoManySecondsWhereAskedFor) {
  testing::internal::CaptureStderr();
  {
    Log log;
    ProgressBar bar(log, "x", 50, "images", 1);
    bar.advance(10);
    std::this_thread::sleep_for(std::chrono::milliseconds(1050));
    bar.advance(10);
    bar.advance(10);  // too soon for another line
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  EXPECT_TRUE(text.starts_with("x [")) << text;
  EXPECT_TRUE(contains(text, "20/50 ")) << text;
  EXPECT_TRUE(contains(text, " images/s 0:0")) << text;
  EXPECT_EQ(text.find_first_of("\r\x1b"), std::string::npos);
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
