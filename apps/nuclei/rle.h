// Kaggle's run-length encoding of nuclei: the Data Science Bowl's submission file.
// Invariant: pixels count from 1, top to bottom and then left to right; "1 3 10 5" is pixels 1-3 and 10-14. What is
// decoded is what was encoded, up to the nuclei's numbers.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/nuclei/label_image.h"

namespace karyon {

/// A text for each label 1..count: its runs in increasing order, each as long as it goes on; "" without pixels.
std::vector<std::string> encode_runs(const LabelImage& image);

/// The nuclei of such texts, numbered by their first pixel row by row; empty texts are none. Error bad_data, naming the
/// text (from 1), when it is not pairs of a start and a length, not increasing, outside the picture or shares a pixel
/// with another.
LabelImage decode_runs(int width, int height, std::span<const std::string> encoded);

constexpr std::string_view kKaggleHeader = "ImageId,EncodedPixels\n";
/// A line for each nucleus; of a picture without any, one line with nothing behind the comma.
std::string kaggle_rows(const std::string& id, const LabelImage& image);

}  // namespace karyon
