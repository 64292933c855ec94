#include "model/metrics.h"

namespace karyon {

void accumulate(XentCounts& total, const XentCounts& batch) {
  total.loss_sum += batch.loss_sum;
  total.pixels += batch.pixels;
  total.correct += batch.correct;
  total.true_foreground += batch.true_foreground;
  total.predicted_foreground += batch.predicted_foreground;
  total.common_foreground += batch.common_foreground;
}

Scores scores(const XentCounts& counts) {
  const auto pixels = static_cast<double>(counts.pixels);
  const auto common = static_cast<double>(counts.common_foreground);
  const auto sum = static_cast<double>(counts.true_foreground + counts.predicted_foreground);
  Scores s;
  if (counts.pixels > 0) {
    s.loss = counts.loss_sum / pixels;
    s.accuracy = static_cast<double>(counts.correct) / pixels;
  }
  s.iou = sum > 0 ? common / (sum - common) : 1.0;
  s.dice = sum > 0 ? 2 * common / sum : 1.0;
  return s;
}

}  // namespace karyon
