// What `infer_unet` was asked to do.
// Invariant: every value is within its range before any work begins (Error usage names flag and range).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/cli/common_flags.h"
#include "apps/export/exports.h"

namespace karyon {

struct InferOptions {
  CommonFlags common;
  std::vector<std::string> inputs;  // files, folders, zips
  std::string model;
  std::string out;  // empty: runs/infer/exp, exp2, ...
  bool exist_ok = false;
  double threshold = 0;  // on the foreground's probability; the model's own unless given
  bool threshold_given = false;
  int batch_size = 16;
  bool save_prob = false;
  std::uint64_t max_pixels = std::uint64_t{1} << 28;
  int image_size = 128;  // of --bench without a model
  int bench_steps = 0;   // > 0: time so many batches and stop
  std::uint64_t seed = 0;
  ExportOptions exports;  // any: these are done, and no pictures
};

InferOptions parse_infer_options(int argc, const char* const* argv);

}  // namespace karyon
