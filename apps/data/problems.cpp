#include "apps/data/problems.h"

#include <algorithm>

namespace karyon {

std::string list_problems(const std::string& headline, const std::vector<std::string>& problems) {
  constexpr std::size_t most = 20;
  std::string text = headline + ":";
  for (std::size_t i = 0; i < std::min(most, problems.size()); ++i) text += "\n  " + problems[i];
  if (problems.size() > most) text += "\n  ... and " + std::to_string(problems.size() - most) + " more";
  return text;
}

}  // namespace karyon
