// Truth and prediction laid over an image: outlines along the pixels' edges, and a tint where the two disagree.
// Invariant: an outline is the border between nucleus and background pixels and has the same width at any enlargement;
// the image's rim is no border.
#pragma once

#include <cstdint>
#include <span>

#include "apps/drawing/canvas.h"

namespace karyon {

/// height * width bytes each, in rows; a pixel that is not zero is nucleus.
struct Masks {
  int width = 0, height = 0;
  std::span<const std::uint8_t> truth, prediction;
};

/// The border of one mask, in the colour.
void draw_border(Canvas& canvas, Rect to, int width, int height, std::span<const std::uint8_t> mask, Colour colour);

/// kTruth and kPrediction where the borders part, kAgreement where they run together; pixels of one mask alone are
/// tinted with its colour.
void draw_agreement(Canvas& canvas, Rect to, const Masks& masks);

/// IoU of the nuclei's pixels; 1 where neither mask has one, as in model/metrics.h.
double iou_of(const Masks& masks);

}  // namespace karyon
