// What --version prints: enough to know which binary on which machine made a result.
#pragma once

#include <string>

namespace karyon {

/// Lines of "key: value" after "PROGRAM VERSION": compiler; library (oneDNN); cuda (the toolkit and the architectures
/// this binary was built with and for, or "not built in"); if built in, what this machine has of it: driver, cuDNN,
/// cuBLAS and a line for each device; cpu (the features in use by the system).
/// load_libraries: cuDNN and cuBLAS are loaded to ask them, which holds 170 MB from then on; else they are left out.
std::string version_text(const std::string& program, bool load_libraries = true);

}  // namespace karyon
