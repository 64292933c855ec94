#include "kernels/check.h"

namespace karyon {

void fail_check(const char* file, int line, const char* condition, std::string_view message) {
  std::string text(file);
  text += ":" + std::to_string(line) + ": " + std::string(message) + " (" + condition + ")";
  throw Error(Exit::internal, text);
}

}  // namespace karyon
