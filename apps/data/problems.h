// Many faults told in one message, so that a user mends them all at once.
// Invariant: the message is bounded, and says how many there are in all.
#pragma once

#include <string>
#include <vector>

namespace karyon {

/// "headline:" and the problems, one a line, at most 20 of them.
std::string list_problems(const std::string& headline, const std::vector<std::string>& problems);

}  // namespace karyon
