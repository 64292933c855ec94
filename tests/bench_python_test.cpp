// scripts/bench: the rules by which entries are timed and compared, and a whole run of a short section. Skipped where
// there is no Python.
#include <gtest/gtest.h>

#include "tests/python_check.h"

namespace karyon {
namespace {

TEST(BenchPython, ComparesInTurnsAndWritesItsResults) {
  const Checked checked = python_check("bench_check.py", KARYON_BIN);
  if (checked.status == kNoInterpreter) GTEST_SKIP() << checked.text;
  EXPECT_EQ(checked.status, 0) << checked.text;
}

}  // namespace
}  // namespace karyon
