#include "apps/cli/step_timing.h"

#include <algorithm>
#include <cstdio>

namespace karyon {

std::string step_timing_line(std::vector<double> seconds, int images) {
  std::sort(seconds.begin(), seconds.end());
  const double median = (seconds[(seconds.size() - 1) / 2] + seconds[seconds.size() / 2]) / 2;
  char line[96];
  std::snprintf(line, sizeof line, "images/s median %.1f best %.1f", images / median, images / seconds.front());
  return line;
}

}  // namespace karyon
