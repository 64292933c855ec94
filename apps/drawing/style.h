// The one palette and the sizes of text of every picture that Karyon draws.
// Invariant: a colour has one meaning in all of them: training is blue, validation orange, truth green, prediction
// magenta.
#pragma once

#include <array>

#include "apps/drawing/shapes.h"

namespace karyon {

constexpr Colour kPaper{255, 255, 255};
constexpr Colour kInk{31, 41, 51};       // text
constexpr Colour kQuiet{107, 119, 133};  // captions, numbers on axes
constexpr Colour kGrid{228, 232, 238};
constexpr Colour kFrame{190, 198, 208};

constexpr Colour kTraining{37, 99, 185};
constexpr Colour kValidation{230, 113, 24};
/// Curves in their order; what has no meaning of its own comes behind the first two.
constexpr std::array<Colour, 6> kCurveColours{
    {kTraining, kValidation, {20, 148, 126}, {160, 140, 20}, {120, 90, 60}, {200, 45, 80}}};

constexpr Colour kTruth{36, 190, 82};
constexpr Colour kPrediction{226, 32, 168};
constexpr Colour kAgreement{255, 255, 255};
constexpr Colour kMaskBackground{24, 28, 36};
constexpr Colour kMaskForeground{240, 242, 245};

constexpr Colour kTrainedFill{232, 241, 252};
constexpr Colour kTrainedEdge{37, 99, 185};
constexpr Colour kFrozenFill{240, 242, 245};
constexpr Colour kFrozenEdge{150, 160, 172};
constexpr Colour kSkip{124, 77, 196};
constexpr Colour kPlainFill{255, 255, 255};

/// From probability 0 to 1: matplotlib's magma at equal distances (black, violet, red, yellow).
constexpr std::array<Colour, 6> kHeat{
    {{0, 0, 4}, {59, 15, 112}, {140, 41, 129}, {222, 73, 104}, {254, 159, 109}, {252, 253, 191}}};
constexpr Colour kNoValue{128, 128, 128};  // a probability that is no number

constexpr double kMargin = 24;
constexpr double kPageWidth = 900;  // what README pages show without scaling

constexpr TextStyle kHeading{17, kInk, Align::left, true};
constexpr TextStyle kTitle{12.5, kInk, Align::left, true};
constexpr TextStyle kBody{11, kInk, Align::left, false};
constexpr TextStyle kCaption{10.5, kQuiet, Align::left, false};

constexpr TextStyle aligned(TextStyle style, Align align) {
  style.align = align;
  return style;
}

constexpr TextStyle coloured(TextStyle style, Colour colour) {
  style.colour = colour;
  return style;
}

}  // namespace karyon
