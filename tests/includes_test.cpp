// The one direction of includes: kernels <- engine <- layers <- model <- apps; weights use the engine and what it
// stands on; tests may use all.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace karyon {
namespace {

// What a file of each room may include, by room.
std::map<std::string, std::set<std::string>> allowed_rooms() {
  return {
      {"kernels", {"kernels"}},
      {"engine", {"kernels", "engine"}},
      {"layers", {"kernels", "engine", "layers"}},
      {"model", {"kernels", "engine", "layers", "model"}},
      {"weights", {"kernels", "engine", "weights"}},
      {"apps", {"kernels", "engine", "layers", "model", "weights", "apps"}},
      {"tests", {"kernels", "engine", "layers", "model", "weights", "apps", "tests"}},
  };
}

// The path between the quotes of an include line, else empty.
std::string quoted_include(std::string_view line) {
  const auto skip = [&line](std::string_view text) {
    const std::size_t blanks = line.find_first_not_of(" \t");
    line.remove_prefix(blanks == std::string_view::npos ? line.size() : blanks);
    const bool found = line.starts_with(text);
    if (found) line.remove_prefix(text.size());
    return found;
  };
  if (!skip("#") || !skip("include") || !skip("\"")) return {};
  return std::string(line.substr(0, line.find('"')));
}

// A line for each include of `source`, a file of `room`, that goes where it may not. Paths count from the top of the
// tree, so quotes without a room are forbidden as well: they would hide where they go.
std::string forbidden_includes(const std::string& room, const std::string& name, const std::string& source) {
  std::istringstream lines(source);
  std::ostringstream found;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string target = quoted_include(line);
    if (target.empty()) continue;
    const std::size_t slash = target.find('/');
    const std::string target_room = slash == std::string::npos ? "" : target.substr(0, slash);
    if (allowed_rooms().at(room).contains(target_room)) continue;
    found << name << ":" << number << ": " << room << " must not include \"" << target << "\"\n";
  }
  return found.str();
}

TEST(Includes, GoInOneDirection) {
  const std::filesystem::path top = KARYON_SOURCE;
  int files = 0;
  for (const auto& [room, allowed] : allowed_rooms()) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(top / room)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cpp" && extension != ".cu" && extension != ".cuh") continue;
      std::ostringstream source;
      source << std::ifstream(entry.path()).rdbuf();
      EXPECT_EQ(forbidden_includes(room, entry.path().lexically_relative(top).string(), source.str()), "");
      ++files;
    }
  }
  EXPECT_GT(files, 30);  // else it has read nothing
}

TEST(Includes, AnUpwardOneIsFound) {
  const std::string source =
      "#pragma once\n#include <vector>\n#include \"kernels/view.h\"\n  # include \"engine/tensor.h\"\n";
  EXPECT_EQ(forbidden_includes("engine", "x.h", source), "");
  EXPECT_EQ(forbidden_includes("kernels", "x.h", source), "x.h:4: kernels must not include \"engine/tensor.h\"\n");
  EXPECT_EQ(forbidden_includes("weights", "x.h", source), "");
  EXPECT_EQ(forbidden_includes("weights", "x.h", "#include \"kernels/check.h\"\n"), "");
  EXPECT_NE(forbidden_includes("model", "x.h", "#include \"apps/dataset.h\"\n"), "");
  EXPECT_NE(forbidden_includes("layers", "x.h", "#include \"tensor.h\"\n"), "");
  EXPECT_NE(forbidden_includes("apps", "x.h", "#include \"tests/op_case.h\"\n"), "");
  EXPECT_NE(forbidden_includes("weights", "x.h", "#include \"model/unet.h\"\n"), "");
}

}  // namespace
}  // namespace karyon
