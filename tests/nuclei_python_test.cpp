// apps/nuclei against scikit-image, SciPy and StarDist on random cases, through tests/nuclei_check.py. The interpreter
// is KARYON_PYTHON's, else python3; where it or a package is missing the test is skipped, saying so.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "tests/temp_dir.h"

namespace karyon {
namespace {

constexpr int kNotInstalled = 77, kNoInterpreter = 127;

TEST(NucleiInPython, AreTheSame) {
  const TempDir cases;
  const char* python = std::getenv("KARYON_PYTHON");
  const std::string command = "'" + std::string(python != nullptr ? python : "python3") +
                              "' '" KARYON_SOURCE "/tests/nuclei_check.py' '" KARYON_BIN "/nuclei_tool' '" +
                              cases.path().string() + "' 2>&1 </dev/null";
  FILE* pipe = popen(command.c_str(), "r");  // NOLINT(cert-env33-c): the interpreter that the user named
  ASSERT_NE(pipe, nullptr);
  std::string text;
  std::array<char, 4096> some{};
  while (const std::size_t got = std::fread(some.data(), 1, some.size(), pipe)) text.append(some.data(), got);
  const int status = WEXITSTATUS(pclose(pipe));
  if (status == kNotInstalled || status == kNoInterpreter) GTEST_SKIP() << text;
  EXPECT_EQ(status, 0) << text;
}

}  // namespace
}  // namespace karyon
