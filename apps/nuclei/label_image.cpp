#include "apps/nuclei/label_image.h"

#include <algorithm>

namespace karyon {

void renumber(LabelImage& image) {
  std::uint32_t largest = 0;
  for (const std::uint32_t label : image.labels) largest = std::max(largest, label);
  std::vector<std::uint32_t> number(static_cast<std::size_t>(largest) + 1);
  std::uint32_t count = 0;
  for (std::uint32_t& label : image.labels) {
    if (label == 0) continue;
    if (number[label] == 0) number[label] = ++count;
    label = number[label];
  }
  image.count = count;
}

}  // namespace karyon
