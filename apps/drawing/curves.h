// results.png: how accuracy, loss and the like went, epoch by epoch.
// Invariant: works for any history, from none to thousands of epochs; a value that is not finite is a gap in its curve.
// The legend stands above its plot and so covers nothing.
#pragma once

#include <string>
#include <vector>

#include "apps/drawing/canvas.h"

namespace karyon {

/// values[i] is of epoch i + 1.
struct Curve {
  std::string name;
  std::vector<double> values;
};

struct CurvePlot {
  std::string title;
  std::string unit;           // stands behind the title, quietly; may be empty
  std::vector<Curve> curves;  // by convention training first, then validation: kCurveColours
  int best_epoch = 0;         // from 1; marked on the last curve, with its value. 0: none
};

/// The plots in two columns (one plot: one column), kPageWidth wide, under the heading.
Canvas draw_curves(const std::string& heading, const std::vector<CurvePlot>& plots);

}  // namespace karyon
