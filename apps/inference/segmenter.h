// Segments a data set: batches of pictures in, masks, overlays and scores out.
// Invariant: every output file is written whole under the picture's id; a picture that cannot be read costs only
// itself.
#pragma once

#include <filesystem>
#include <vector>

#include "apps/cli/log.h"
#include "apps/data/dataset.h"
#include "apps/inference/image_scores.h"
#include "apps/inference/options.h"
#include "apps/inference/predictor.h"
#include "kernels/check.h"

namespace karyon {

struct Segmentation {
  std::vector<ImageScores> scores;  // of pictures with truth
  std::size_t done = 0;
  std::vector<std::string> failures;  // messages of pictures that were skipped
  Exit first_failure = Exit::done;
};

/// Writes masks/, overlays/, prob/ (on request), summary.csv and scores.csv (where there is truth) into `folder`.
Segmentation segment(Predictor& predictor, const Dataset& dataset, const InferOptions& options,
                     const std::filesystem::path& folder, Log& log);

}  // namespace karyon
