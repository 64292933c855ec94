#include "apps/cli/version.h"

#include "apps/cli/cpus.h"
#include "kernels/conv_dnnl.h"

namespace karyon {

std::string version_text(const std::string& program) {
#if defined(__clang__)
  const std::string compiler = __VERSION__;
#else
  const std::string compiler = "GCC " __VERSION__;
#endif
  const std::string features = cpu_features();
  return program + " " KARYON_VERSION "\ncompiler: " + compiler + "\nlibrary: " + dnnl_version_text() +
         "\ncpu: " + (features.empty() ? "no vector extensions known here" : features) + "\ncuda: not built in\n";
}

}  // namespace karyon
