// Arguments, patterns and lists on standard input become paths.
#include "apps/data/path_list.h"

#include <sstream>

#include <gtest/gtest.h>

#include "engine/files.h"
#include "tests/expect_error.h"
#include "tests/temp_dir.h"

namespace karyon {
namespace {

using Paths = std::vector<std::filesystem::path>;

Paths expand(const std::vector<std::string>& arguments, const std::string& input = {}) {
  std::istringstream in(input);
  return expand_paths(arguments, in);
}

TEST(PathList, PathsStayAsTheyAre) {
  EXPECT_EQ(expand({"b", "a b", "none/at/all", "a"}), (Paths{"b", "a b", "none/at/all", "a"}));
  EXPECT_TRUE(expand({}).empty());
}

TEST(PathList, PatternsAreExpandedAndSorted) {
  const TempDir dir;
  for (const char* name : {"b.tif", "a.tif", "c.png", ".d.tif"}) write_file(dir / name, "");
  EXPECT_EQ(expand({dir / "*.tif"}), (Paths{dir / "a.tif", dir / "b.tif"}));
  EXPECT_EQ(expand({dir / "c.pn?", dir / "[ab].tif"}), (Paths{dir / "c.png", dir / "a.tif", dir / "b.tif"}));
  expect_error(Exit::no_input, "*.jpg", [&] { expand({dir / "*.jpg"}); });
}

TEST(PathList, APathThatLooksLikeAPatternIsAPathWhereItIsThere) {
  const TempDir dir;
  write_file(dir / "a[1].tif", "");
  write_file(dir / "a1.tif", "");
  EXPECT_EQ(expand({dir / "a[1].tif"}), (Paths{dir / "a[1].tif"}));
}

TEST(PathList, AListHasOnePathALine) {
  EXPECT_EQ(expand({"x", "-", "y"}, "a b\n\n*.tif\nlast"), (Paths{"x", "a b", "*.tif", "last", "y"}));
}

TEST(PathList, AListWithANulIsSeparatedByIt) {
  const std::string list("new\nline\0b\0", 11);
  EXPECT_EQ(expand({"-"}, list), (Paths{"new\nline", "b"}));
}

TEST(PathList, AListOfNothingIsAnError) {
  for (const char* list : {"", "\n\n"}) {
    expect_error(Exit::no_input, "standard input", [&] { expand({"-"}, list); });
  }
}

}  // namespace
}  // namespace karyon
