// What --version prints: enough to know which binary on which processor made a result.
#pragma once

#include <string>

namespace karyon {

/// Lines of "key: value" after "PROGRAM VERSION": compiler, oneDNN, CPU features in use by the system, CUDA.
std::string version_text(const std::string& program);

}  // namespace karyon
