#include "apps/training/run_files.h"

#include <array>
#include <map>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "apps/cli/utc_time.h"
#include "apps/cli/version.h"

namespace karyon {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

/// The lines "key = value" of a config.toml.
std::map<std::string, std::string> settings_of(const std::string& config) {
  std::map<std::string, std::string> settings;
  std::istringstream lines(config);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t sign = line.find(" = ");
    if (sign != std::string::npos) settings[line.substr(0, sign)] = line.substr(sign + 3);
  }
  return settings;
}

}  // namespace

std::string environment_json(int argc, const char* const* argv, Device device, int threads) {
  nlohmann::ordered_json json;
  std::istringstream lines(version_text("karyon", device.is_cuda()));
  std::string line;
  std::getline(lines, line);
  json["version"] = line.substr(line.find(' ') + 1);
  while (std::getline(lines, line)) {
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) json[line.substr(0, colon)] = line.substr(colon + 2);
  }
  json["computed_on"] = device.text();
  json["threads"] = threads;
  json["host"] = host_name();
  json["started"] = utc_now();
  json["folder"] = std::filesystem::current_path().string();
  json["command"] = std::vector<std::string>(argv, argv + argc);
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string differences(const std::string& saved_config, const std::string& present_config) {
  // How long, where and what to show: no weight depends on them.
  const std::set<std::string> harmless{"epochs",     "patience",         "min-delta",       "device",
                                       "threads",    "sample-epochs",    "minimal",         "histograms",
                                       "cuda-graph", "checkpoint-every", "allow-duplicates"};
  std::map<std::string, std::string> saved = settings_of(saved_config), present = settings_of(present_config);
  const bool schedule_counts_epochs =
      saved["schedule"].find("cosine") != std::string::npos || saved["schedule"].find("one-cycle") != std::string::npos;
  std::set<std::string> names;
  for (const auto& [name, value] : saved) names.insert(name);
  for (const auto& [name, value] : present) names.insert(name);
  std::string text;
  for (const std::string& name : names) {
    if (harmless.contains(name) && !(name == "epochs" && schedule_counts_epochs)) continue;
    const std::string before = saved[name], now = present[name];
    if (before != now) {
      text.append("\n  ").append(name).append(" was ").append(before.empty() ? "not set" : before);
      text.append(", is ").append(now.empty() ? "not set" : now);
    }
  }
  return text;
}

}  // namespace karyon
