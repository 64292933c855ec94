// Segments a data set: pictures in, nuclei and their files, tables and scores out.
// Invariant: every output file is written whole under the picture's id; a picture that cannot be read costs only
// itself. While the network computes, the pictures behind are decoded and those before are split and written; rows of
// the tables stand in the pictures' order all the same. Only small pictures are taken several at a time.
#pragma once

#include <string>
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
  std::size_t nuclei = 0;       // in all pictures
  std::vector<Error> failures;  // one for each picture that was skipped
};

/// Writes what options.outputs asks for, summary.csv and scores.csv (where there is truth) into `folder`; nothing where
/// no picture could be read.
Segmentation segment(Predictor& predictor, const Dataset& dataset, const InferOptions& options, OutputFolder& folder,
                     Log& log);

}  // namespace karyon
