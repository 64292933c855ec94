#include "apps/cli/version.h"

#include "apps/cli/cpus.h"
#include "kernels/conv_dnnl.h"
#include "kernels/cuda_device.h"
#include "kernels/cuda_libraries.h"

namespace karyon {
namespace {

std::string compiler() {
#if defined(__clang__)
  return __VERSION__;
#else
  return "GCC " __VERSION__;
#endif
}

std::string built_text([[maybe_unused]] const cuda::Devices& found) {
#if KARYON_WITH_CUDA
  return "toolkit " + found.runtime_version + ", architectures " KARYON_CUDA_ARCHITECTURES;
#else
  return "not built in";
#endif
}

std::string library_text(const cuda::LibraryFacts& facts) {
  return facts.found ? facts.version : "not found: " + facts.fault;
}

/// "NVIDIA H100 80GB HBM3, compute capability 9.0, 81079 MiB".
std::string device_text(const cuda::DeviceFacts& facts) {
  return facts.name + ", compute capability " + std::to_string(facts.major) + "." + std::to_string(facts.minor) + ", " +
         std::to_string(facts.memory >> 20) + " MiB" + (facts.fault.empty() ? "" : ": " + facts.fault);
}

/// What this machine has of CUDA, for a binary that has a CUDA part.
std::string machine_text(const cuda::Devices& found, bool load_libraries) {
  std::string text = "\ndriver: " + (found.driver_version.empty() ? "not found" : "for CUDA " + found.driver_version);
  if (load_libraries) {
    const cuda::Libraries libraries = cuda::find_libraries();
    text += "\ncuDNN: " + library_text(libraries.cudnn) + "\ncuBLAS: " + library_text(libraries.cublas);
  }
  if (found.devices.empty()) text += "\ndevice: none";
  for (std::size_t i = 0; i < found.devices.size(); ++i) {
    text += "\ndevice: cuda:" + std::to_string(i) + " " + device_text(found.devices[i]);
  }
  return text;
}

}  // namespace

std::string version_text(const std::string& program, bool load_libraries) {
  const std::string features = cpu_features();
  const cuda::Devices found = cuda::find_devices();
  return program + " " KARYON_VERSION "\ncompiler: " + compiler() + "\nlibrary: " + dnnl_version_text() +
         "\ncuda: " + built_text(found) + (found.built ? machine_text(found, load_libraries) : "") +
         "\ncpu: " + (features.empty() ? "no vector extensions known here" : features) + "\n";
}

}  // namespace karyon
