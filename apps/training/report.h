// report.html: a run on one page that needs nothing else, no network and no script.
// Invariant: pictures are inside the page; every text from outside (names, settings) is escaped.
#pragma once

#include <filesystem>
#include <string>

#include "apps/data/split.h"
#include "apps/training/options.h"
#include "apps/training/training_result.h"
#include "model/summary.h"

namespace karyon {

struct ReportParts {
  const TrainingResult& result;
  std::filesystem::path
      folder;  // of the run: results.svg, model.svg, samples/, env.json and weights/ are taken from it
  const ModelSummary& summary;
  std::string best_picture;  // in samples/
  const Split& split;
  const TrainingSet& set;
  const TrainOptions& options;
};

/// Errors of read_file when a part is not there.
std::string report_html(const ReportParts& parts);

}  // namespace karyon
