// Segments a data set: batches of pictures in, masks, overlays and scores out.
// Invariant: every output file is written whole under the picture's id; a picture that cannot be read costs only
// itself. Of a batch the pictures are held as bytes; their probabilities exist at full size only while they are
// written, one picture a thread.
#pragma once

#include <vector>

#include "apps/cli/log.h"
#include "apps/cli/output_folder.h"
#include "apps/data/dataset.h"
#include "apps/inference/image_scores.h"
#include "apps/inference/options.h"
#include "apps/inference/predictor.h"
#include "kernels/check.h"

namespace karyon {

struct Segmentation {
  std::vector<ImageScores> scores;  // of pictures with truth
  std::size_t done = 0;
  std::vector<Error> failures;  // one for each picture that was skipped
};

/// Writes masks/, overlays/, prob/ (on request), summary.csv and scores.csv (where there is truth) into `folder`;
/// nothing where no picture could be read.
Segmentation segment(Predictor& predictor, const Dataset& dataset, const InferOptions& options, OutputFolder& folder,
                     Log& log);

}  // namespace karyon
