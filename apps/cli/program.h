// How a program of Karyon starts and ends.
// Invariant: every failure leaves as one line "program: message" on stderr and the exit status of its kind; numbers are
// read and written in the C locale; a reader of stdout that goes away ends nothing (SIGPIPE is ignored).
#pragma once

#include <functional>
#include <string>

#include "kernels/check.h"

namespace karyon {

/// Thrown where a program is done before its work: --help and --version. The text goes to stdout, the status is 0.
struct Answered {
  std::string text;
};

/// Runs `body` and returns the exit status: the one `body` returns, the code of a karyon::Error, 71 for
/// std::bad_alloc, 1 for anything else thrown, 74 when stdout could not be written (a closed pipe is no error).
int run_program(int argc, char** argv, const std::function<Exit(int argc, char** argv)>& body);

}  // namespace karyon
