// Inference of one batch, timed.
// Invariant: random images, never zeros; the first batches, which make plans and fill caches, are not counted.
#pragma once

#include <string>

#include "apps/inference/options.h"
#include "engine/context.h"

namespace karyon {

/// Times options.bench_steps batches of the model, or of random weights without one: from bytes to logits. Returns the
/// last line, "images/s median M best B".
std::string bench_inference(Context& context, const InferOptions& options);

}  // namespace karyon
