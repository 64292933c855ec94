// How programs start and end: exit statuses, messages, the locale, and standard output that fails.
#include "apps/cli/program.h"

#include <csignal>
#include <iostream>
#include <locale>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace karyon {
namespace {

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
}  // namespace
}  // namespace karyon
