// A check of tests/ that is written in Python, run where there is an interpreter with the packages that it needs.
// Invariant: the interpreter is KARYON_PYTHON's, else python3; the script ends with 0 when all holds, with 1 and the
// reason when it does not, with 77 where a package is missing.
#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

namespace karyon {

constexpr int kNotInstalled = 77, kNoInterpreter = 127;

struct Checked {
  int status = 0;
  std::string text;
};

inline Checked python_check(const std::string& script, const std::string& argument) {
  const char* python = std::getenv("KARYON_PYTHON");
  const std::string command = "'" + std::string(python != nullptr ? python : "python3") +
                              "' '" KARYON_SOURCE "/tests/" + script + "' '" + argument + "' 2>&1 </dev/null";
  FILE* pipe = popen(command.c_str(), "r");  // NOLINT(cert-env33-c): the interpreter that the user named
  if (pipe == nullptr) return {kNoInterpreter, "popen"};
  std::string text;
  std::array<char, 4096> some{};
  while (const std::size_t got = std::fread(some.data(), 1, some.size(), pipe)) text.append(some.data(), got);
  return {WEXITSTATUS(pclose(pipe)), text};
}

}  // namespace karyon
