#include "apps/nuclei/label_image.h"

#include <algorithm>
#include <utility>

namespace karyon {
namespace {

/// Each number becomes its rank, so that none is over the number of pixels. A file's may be any of 32 bits.
void rank_labels(std::vector<std::uint32_t>& labels) {
  std::vector<std::uint32_t> numbers;
  for (const std::uint32_t label : labels) {
    if (label != 0 && (numbers.empty() || label != numbers.back())) numbers.push_back(label);
  }
  std::ranges::sort(numbers);
  const auto repeated = std::ranges::unique(numbers);
  numbers.erase(repeated.begin(), repeated.end());
  for (std::uint32_t& label : labels) {
    if (label != 0) label = static_cast<std::uint32_t>(std::ranges::lower_bound(numbers, label) - numbers.begin()) + 1;
  }
}

}  // namespace

void renumber(LabelImage& image) {
  std::uint32_t largest = 0;
  for (const std::uint32_t label : image.labels) largest = std::max(largest, label);
  if (largest > image.labels.size()) {
    rank_labels(image.labels);
    largest = static_cast<std::uint32_t>(image.labels.size());
  }
  std::vector<std::uint32_t> number(static_cast<std::size_t>(largest) + 1);
  std::uint32_t count = 0;
  for (std::uint32_t& label : image.labels) {
    if (label == 0) continue;
    if (number[label] == 0) number[label] = ++count;
    label = number[label];
  }
  image.count = count;
}

LabelImage numbered(int width, int height, std::vector<std::uint32_t> labels) {
  LabelImage image;
  image.width = width;
  image.height = height;
  image.labels = std::move(labels);
  renumber(image);
  return image;
}

}  // namespace karyon
