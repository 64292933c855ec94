#include "apps/cli/device.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include <dlfcn.h>

#include "kernels/check.h"
#include "kernels/cuda_device.h"
#include "kernels/cuda_libraries.h"

namespace karyon {
namespace {

constexpr std::string_view kNumbered = "cuda:";  // and the number

bool driver_loads() {
  const auto close = [](void* library) { dlclose(library); };
  const std::unique_ptr<void, decltype(close)> driver(dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL), close);
  return driver != nullptr;
}

std::string device_files() {
  std::string names;
  std::error_code fault;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", fault)) {
    const std::string name = entry.path().filename().string();
    const bool numbered = name.size() > 6 && std::all_of(name.begin() + 6, name.end(),
                                                         [](unsigned char ch) { return std::isdigit(ch) != 0; });
    if (name.starts_with("nvidia") && numbered) names += (names.empty() ? "/dev/" : ", /dev/") + name;
  }
  return names.empty() ? "no /dev/nvidia0" : names + " present";
}

std::string driver_text(const cuda::Devices& found) {
  if (!found.driver_version.empty()) return "driver for CUDA " + found.driver_version;
  return std::string("driver library libcuda.so.1 ") + (driver_loads() ? "loads" : "not found");
}

/// "cuda:0 (NVIDIA H100 80GB HBM3, compute capability 9.0)".
std::string device_text(const cuda::Devices& found, int index) {
  const cuda::DeviceFacts& facts = found.devices[static_cast<std::size_t>(index)];
  return Device{Device::Kind::cuda, index}.text() + " (" + facts.name + ", compute capability " +
         std::to_string(facts.major) + "." + std::to_string(facts.minor) + ")";
}

std::string devices_text(const cuda::Devices& found) {
  if (found.devices.empty()) return "no CUDA device";
  std::string text;
  for (int i = 0; i < static_cast<int>(found.devices.size()); ++i) {
    text += (i == 0 ? "" : ", ") + device_text(found, i);
  }
  return text;
}

std::string library_text(const char* name, const cuda::LibraryFacts& facts) {
  return std::string(name) + " " + (facts.found ? facts.version : "not found (" + facts.fault + ")");
}

/// Why device `index` cannot be used.
std::string fault_of(const cuda::Devices& found, int index) {
  if (!found.fault.empty()) return found.fault;
  if (index >= static_cast<int>(found.devices.size())) return "no such device";
  return found.devices[static_cast<std::size_t>(index)].fault;
}

/// Why a device that was asked for is not used, and all that helps to see what is missing.
std::string refusal(std::string_view wanted, const cuda::Devices& found, int index) {
  std::string text = "--device " + std::string(wanted) + ": " + fault_of(found, index) + " (" + driver_text(found) +
                     ", " + device_files();
  if (found.built) {
    const cuda::Libraries libraries = cuda::find_libraries();
    text += ", " + devices_text(found) + ", " + library_text("cuDNN", libraries.cudnn) + ", " +
            library_text("cuBLASLt", libraries.cublas);
  }
  return text + "); use --device cpu";
}

}  // namespace

bool is_device_name(std::string_view word) {
  if (word == "auto" || word == "cpu" || word == "cuda") return true;
  if (!word.starts_with(kNumbered)) return false;
  const std::string_view index = word.substr(kNumbered.size());
  return !index.empty() && index.size() <= 3 &&
         std::all_of(index.begin(), index.end(), [](unsigned char ch) { return std::isdigit(ch) != 0; });
}

Device choose_device(std::string_view wanted, Log& log) {
  if (!is_device_name(wanted))
    throw Error(Exit::usage, "--device " + std::string(wanted) + ": expected auto, cpu, cuda or cuda:N");
  if (wanted == "cpu") return {};
  const int index = wanted.starts_with(kNumbered) ? std::stoi(std::string(wanted.substr(kNumbered.size()))) : 0;
  const cuda::Devices found = cuda::find_devices();
  if (found.usable(index)) {
    log.note("device: " + device_text(found, index));
    return {Device::Kind::cuda, index};
  }
  if (wanted != "auto") throw Error(Exit::no_device, refusal(wanted, found, index));
  const std::string subject = found.devices.empty() ? "" : "cuda:0 cannot be used: ";
  log.note("device: cpu, because " + subject + fault_of(found, index));
  return {};
}

}  // namespace karyon
