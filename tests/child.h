// A program of Karyon, run as its user runs it.
// Invariant: the child gets no terminal, no input but a given text and none of the caller's KARYON_ variables; what it
// says on stdout and on stderr is kept apart.
#pragma once

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/temp_dir.h"

namespace karyon {

struct Finished {
  int status = 0;  // 128 + the signal when one ended it
  std::string out, err;
};

inline std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Runs build/bin/`program` in `folder` and waits. input: what it finds on stdin.
inline Finished run_child(const std::string& program, const std::vector<std::string>& arguments,
                          const std::filesystem::path& folder, const std::vector<std::string>& variables = {},
                          const std::string& input = "") {
  const TempDir captured;
  const std::string in = (captured / "in").string();
  std::ofstream(in, std::ios::binary) << input;
  const std::string path = std::string(KARYON_BIN) + "/" + program;
  const std::string out = (captured / "out").string(), err = (captured / "err").string();
  std::vector<std::string> words = arguments, environment = variables;
  words.insert(words.begin(), path);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string(*variable).starts_with("KARYON_")) environment.emplace_back(*variable);
  }
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> list;
    list.reserve(texts.size() + 1);
    for (std::string& text : texts) list.push_back(text.data());
    list.push_back(nullptr);
    return list;
  };
  const std::vector<char*> argv = pointers(words), envp = pointers(environment);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork");
  if (child == 0) {
    constexpr mode_t mode = 0600;
    const bool ready = chdir(folder.c_str()) == 0 && dup2(open(in.c_str(), O_RDONLY), STDIN_FILENO) >= 0 &&
                       dup2(open(out.c_str(), O_WRONLY | O_CREAT, mode), STDOUT_FILENO) >= 0 &&
                       dup2(open(err.c_str(), O_WRONLY | O_CREAT, mode), STDERR_FILENO) >= 0;
    if (ready) execve(path.c_str(), argv.data(), envp.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), text_of(out), text_of(err)};
}

/// A failure as the programs promise it: this status, nothing on stdout, and one line on stderr, the last message, that
/// begins with the program's name and holds all of `parts`.
inline void expect_failure(const Finished& finished, const std::string& program, int status,
                           const std::vector<std::string>& parts) {
  EXPECT_EQ(finished.status, status) << finished.err;
  EXPECT_EQ(finished.out, "");
  const std::vector<std::string> lines = lines_of(finished.err);
  const auto named = [&](const std::string& line) { return line.starts_with(program + ": "); };
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(), named), 1) << finished.err;
  const std::size_t at = finished.err.rfind(program + ": ");
  const std::string message = at == std::string::npos ? "" : finished.err.substr(at);
  for (const std::string& part : parts) {
    EXPECT_NE(message.find(part), std::string::npos) << "expected '" << part << "' in: " << finished.err;
  }
}

/// All files and folders below, relative, sorted; a folder ends in '/'.
inline std::vector<std::string> tree(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    names.push_back(entry.path().lexically_relative(folder).string() + (entry.is_directory() ? "/" : ""));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace karyon
