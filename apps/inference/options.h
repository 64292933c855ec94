// What `infer_unet` was asked to do.
// Invariant: every value is within its range before any work begins (Error usage names flag and range).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/common_flags.h"
#include "apps/export/exports.h"
#include "apps/images/intensity.h"
#include "apps/inference/outputs.h"
#include "apps/inference/predictor.h"

namespace karyon {

struct InferOptions {
  CommonFlags common;
  std::vector<std::string> inputs;  // files, folders, zips, patterns, "-"
  std::string model;                // empty: the one in the box
  std::string out;                  // empty: runs/infer/exp, exp2, ...
  bool exist_ok = false;
  OutputChoice outputs;
  PredictSettings predict;
  // The model's own unless given:
  std::optional<double> threshold;  // on the foreground's probability
  std::optional<int> min_area, fill_holes;
  Normalise normalise = Normalise::plain;
  int page = 0;  // of a TIFF, from 0
  std::uint64_t max_pixels = std::uint64_t{1} << 28;
  int image_size = 128;  // of --bench without a model
  int bench_steps = 0;   // > 0: time so many batches and stop
  std::uint64_t seed = 0;
  ExportOptions exports;  // any: these are done, and no pictures
};

InferOptions parse_infer_options(int argc, const char* const* argv);

}  // namespace karyon
