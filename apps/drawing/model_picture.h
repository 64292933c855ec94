// model.png: the U-Net as a picture, encoder down on the left, decoder up on the right, skips across.
// Invariant: everything drawn comes from the summary: a stage ends at the layer that a skip starts from, and the
// stages' parameters add up to the network's.
#pragma once

#include <string>

#include "apps/drawing/canvas.h"
#include "model/summary.h"

namespace karyon {

/// kPageWidth wide. The summary of a U-Net: as many encoder stages as transposed convolutions; else Error internal.
Canvas draw_model(const std::string& heading, const ModelSummary& summary);

}  // namespace karyon
