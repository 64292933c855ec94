// What the network sees and says, side by side: samples/epoch_0010.png, and a sheet of augmented training samples.
// Invariant: all images of a page have one size and keep their proportions; masks and probabilities are shown pixel by
// pixel, images smoothly. Nothing of the arrays is kept.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/drawing/canvas.h"

namespace karyon {

/// Arrays are dense, row by row, of the page's height and width.
struct Panel {
  std::string id;
  std::span<const std::uint8_t> image;       // height * width * 3, RGB
  std::span<const std::uint8_t> truth;       // height * width: not zero is nucleus
  std::span<const std::uint8_t> prediction;  // the same
  std::span<const float> probability;        // height * width, 0 to 1; empty: no such column
};

/// A row a panel: image | truth | prediction | probability, where the first panel has it | overlay. An array of another
/// size is a bug: Error internal; more rows than a picture can hold: Error usage (Canvas).
Canvas draw_panels(const std::string& heading, int height, int width, const std::vector<Panel>& panels);

struct Sample {
  std::string id;
  std::span<const std::uint8_t> image;  // height * width * 3, RGB
  std::span<const std::uint8_t> label;  // height * width
};

/// The samples in rows of six, the label's outline on each.
Canvas draw_sheet(const std::string& heading, int height, int width, const std::vector<Sample>& samples);

}  // namespace karyon
