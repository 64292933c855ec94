// Small masks, probabilities and label images drawn as text.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "apps/nuclei/label_image.h"

namespace karyon {

/// Rows of equal length: '.' is 0, '1' to '9' are themselves.
inline LabelImage drawn(const std::vector<std::string>& rows) {
  LabelImage image(static_cast<int>(rows.at(0).size()), static_cast<int>(rows.size()));
  image.labels.clear();
  for (const std::string& row : rows) {
    for (const char c : row) image.labels.push_back(c == '.' ? 0U : static_cast<std::uint32_t>(c - '0'));
  }
  for (const std::uint32_t label : image.labels) image.count = std::max(image.count, label);
  return image;
}

/// The same, back as text.
inline std::vector<std::string> text_of(const LabelImage& image) {
  std::vector<std::string> rows;
  for (int y = 0; y < image.height; ++y) {
    rows.emplace_back();
    for (int x = 0; x < image.width; ++x) {
      const std::uint32_t label = image.labels[image.index(x, y)];
      rows.back() += label == 0 ? '.' : static_cast<char>('0' + label);
    }
  }
  return rows;
}

/// As bytes, each times `scale`.
inline std::vector<std::uint8_t> bytes_of(const LabelImage& image, int scale = 1) {
  std::vector<std::uint8_t> bytes;
  for (const std::uint32_t label : image.labels) {
    bytes.push_back(static_cast<std::uint8_t>(label * static_cast<unsigned>(scale)));
  }
  return bytes;
}

}  // namespace karyon
