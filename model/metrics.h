// Scores of a segmentation from pixel counts.
// Invariant: IoU and Dice are of the foreground, from pixels pooled over all images; where neither truth nor prediction
// has a foreground pixel they are 1.
#pragma once

#include "kernels/softmax_xent.h"

namespace karyon {

struct Scores {
  double loss = 0, accuracy = 0, iou = 0, dice = 0;
};

/// Adds the counts of a batch to a total.
void accumulate(XentCounts& total, const XentCounts& batch);
/// loss: the mean over pixels.
Scores scores(const XentCounts& counts);

}  // namespace karyon
