#include "apps/data/path_list.h"

#include <algorithm>
#include <iterator>
#include <new>

#include <glob.h>

#include "kernels/check.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

void add_listed(std::istream& in, std::vector<fs::path>& paths) {
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) throw Error(Exit::io, "the list of paths on standard input could not be read");
  const char separator = text.find('\0') != std::string::npos ? '\0' : '\n';
  const std::size_t before = paths.size();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    if (end > at) paths.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  if (paths.size() == before) throw Error(Exit::no_input, "standard input (-) lists no path; write one on each line");
}

struct Matches {
  glob_t found{};
  ~Matches() { globfree(&found); }
};

void add_matches(const std::string& pattern, std::vector<fs::path>& paths) {
  Matches matches;
  switch (glob(pattern.c_str(), GLOB_ERR, nullptr, &matches.found)) {
    case 0:
      break;
    case GLOB_NOMATCH:
      throw Error(Exit::no_input, "nothing fits the pattern '" + pattern + "'");
    case GLOB_NOSPACE:
      throw std::bad_alloc();
    default:
      throw Error(Exit::io, "a folder that the pattern '" + pattern + "' goes through cannot be read");
  }
  for (std::size_t i = 0; i < matches.found.gl_pathc; ++i) paths.emplace_back(matches.found.gl_pathv[i]);
}

bool is_pattern(const std::string& argument) {
  std::error_code ignored;
  return argument.find_first_of("*?[") != std::string::npos &&
         fs::symlink_status(argument, ignored).type() == fs::file_type::not_found;
}

}  // namespace

std::vector<fs::path> expand_paths(const std::vector<std::string>& arguments, std::istream& in) {
  std::vector<fs::path> paths;
  for (const std::string& argument : arguments) {
    if (argument == "-") {
      add_listed(in, paths);
    } else if (is_pattern(argument)) {
      add_matches(argument, paths);
    } else {
      paths.emplace_back(argument);
    }
  }
  return paths;
}

}  // namespace karyon
