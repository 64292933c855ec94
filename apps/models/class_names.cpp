#include "apps/models/class_names.h"

namespace karyon {

std::vector<std::string> class_names(int classes) {
  if (classes == 2) return {"background", "nucleus"};
  if (classes == 3) return {"background", "interior", "border"};
  std::vector<std::string> names{"background"};
  for (int k = 1; k < classes; ++k) names.push_back("class_" + std::to_string(k));
  return names;
}

}  // namespace karyon
