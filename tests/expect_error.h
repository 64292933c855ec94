// A failure is tested by its exit code and by what its message says.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "kernels/check.h"

namespace karyon {

/// The message of the Error that `action` throws, after its exit code is compared; "" and a failure when none comes.
template <typename Action>
std::string error_of(Exit code, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return {};
}

/// The same, and the message must contain `part`.
template <typename Action>
void expect_error(Exit code, const std::string& part, Action&& action) {
  const std::string message = error_of(code, action);
  EXPECT_NE(message.find(part), std::string::npos) << "expected '" << part << "' in: " << message;
}

}  // namespace karyon
