#include "apps/cli/device.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include <dlfcn.h>

#include "kernels/check.h"

static_assert(!KARYON_WITH_CUDA, "choose_device refuses CUDA: let it ask the driver now that there are CUDA kernels");

namespace karyon {
namespace {

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

}  // namespace

bool is_device_name(std::string_view word) {
  if (word == "auto" || word == "cpu" || word == "cuda") return true;
  constexpr std::string_view kNumbered = "cuda:";
  if (!word.starts_with(kNumbered)) return false;
  const std::string_view index = word.substr(kNumbered.size());
  return !index.empty() && index.size() <= 3 &&
         std::all_of(index.begin(), index.end(), [](unsigned char ch) { return std::isdigit(ch) != 0; });
}

Device choose_device(std::string_view wanted, Log& log) {
  if (!is_device_name(wanted))
    throw Error(Exit::usage, "--device " + std::string(wanted) + ": expected auto, cpu, cuda or cuda:N");
  if (wanted == "auto") log.note("device: cpu, because this build has no CUDA part");
  if (wanted == "auto" || wanted == "cpu") return {};
  throw Error(Exit::no_device,
              "--device " + std::string(wanted) + ": this build has no CUDA part (driver library libcuda.so.1 " +
                  (driver_loads() ? "loads" : "not found") + ", " + device_files() + "); use --device cpu");
}

}  // namespace karyon
