// The one exception of Karyon and the checks that throw it.
// Invariant: a failure leaves a room as an Error that names the thing (file, tensor, flag), what was expected and what
// to do; nothing in the libraries prints or exits. The programs turn the Error's code into their exit status.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace karyon {

/// Exit status of the programs, after BSD's sysexits.h where it has a fitting one.
enum class Exit : int {
  done = 0,
  unexpected = 1,
  usage = 2,       // a flag, a value out of range, too few images for a split
  bad_data = 65,   // an image, data set or weight file that is broken or does not fit
  no_input = 66,   // no such input, or an empty one
  no_device = 69,  // the requested device cannot be used
  internal = 70,   // a check of Karyon's own failed: a bug
  out_of_memory = 71,
  cannot_create = 73,  // the output cannot be written
  io = 74,             // reading or writing failed half-way
  partly_done = 75,    // some images were skipped
  diverged = 76,       // the loss is not finite
  bad_config = 78,
};

class Error : public std::runtime_error {
 public:
  Error(Exit code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] Exit code() const noexcept { return code_; }

 private:
  Exit code_;
};

/// Throws Error(Exit::internal) with "file:line: message (condition)".
[[noreturn]] void fail_check(const char* file, int line, const char* condition, std::string_view message);

}  // namespace karyon

/// A condition that only a bug in Karyon can break; the message says what was expected. Stays on in release builds.
#define KARYON_CHECK(condition, message)                                               \
  do {                                                                                 \
    if (!(condition)) ::karyon::fail_check(__FILE__, __LINE__, #condition, (message)); \
  } while (false)
