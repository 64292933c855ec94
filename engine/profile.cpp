#include "engine/profile.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

namespace karyon {

void Profile::add(std::string_view name, double seconds, double multiply_adds) {
  auto row = rows_.find(name);
  if (row == rows_.end()) row = rows_.emplace(std::string(name), Row{}).first;
  ++row->second.calls;
  row->second.seconds += seconds;
  row->second.multiply_adds += multiply_adds;
}

std::string Profile::table(int steps) const {
  std::vector<std::pair<std::string, Row>> rows(rows_.begin(), rows_.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  double total = 0;
  for (const auto& [name, row] : rows) total += row.seconds;
  char line[160];
  std::snprintf(line, sizeof line, "%-36s %7s %10s %10s %7s %9s\n", "", "calls", "ms", "ms/step", "share", "GFLOP/s");
  std::string text = line;
  for (const auto& [name, row] : rows) {
    std::snprintf(line, sizeof line, "%-36s %7lld %10.2f %10.3f %6.1f%% ", name.c_str(),
                  static_cast<long long>(row.calls), row.seconds * 1e3, row.seconds * 1e3 / std::max(steps, 1),
                  total > 0 ? 100 * row.seconds / total : 0.0);
    text += line;
    if (row.multiply_adds > 0 && row.seconds > 0) {
      std::snprintf(line, sizeof line, "%9.1f", 2e-9 * row.multiply_adds / row.seconds);
      text += line;
    }
    text += "\n";
  }
  return text;
}

}  // namespace karyon
