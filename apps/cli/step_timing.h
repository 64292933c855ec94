// The last line of --bench.
#pragma once

#include <string>
#include <vector>

namespace karyon {

/// "images/s median M best B" of steps that took `seconds` for `images` images each; seconds is not empty.
std::string step_timing_line(std::vector<double> seconds, int images);

}  // namespace karyon
