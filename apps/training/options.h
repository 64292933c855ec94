// What `train_unet` was asked to do.
// Invariant: every value is within its range before any work begins (Error usage names flag and range).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/cli/common_flags.h"

namespace karyon {

struct TrainOptions {
  CommonFlags common;
  std::string data;  // empty: the built-in synthetic nuclei
  std::string out;   // empty: runs/train/exp, exp2, ...
  bool exist_ok = false;
  int epochs = 10;
  int batch_size = 32;
  double learning_rate = 1e-3;
  int image_size = 128;
  double val_split = 0.2;
  bool allow_duplicates = false;
  std::uint64_t seed = 0;
  int patience = 0;  // epochs without a better validation accuracy; 0: never stop early
  std::string encoder_weights;  // a file, or "imagenet" for the one in the cache
  bool fetch_weights = false;   // for "imagenet": bring it when it is not there
  bool freeze_encoder = false;  // by default true with weights, false without
  double width = 1.0;
  bool width_given = false;
  std::vector<int> decoder_filters{512, 256, 128, 64};
  std::string input_scale = "family";
  int synthetic_images = 320;
  int write_synthetic = 0;  // > 0: write so many synthetic pictures into --out and stop
  bool dry_run = false;
  int bench_steps = 0;     // > 0: time so many steps and stop
  bool cuda_graph = true;  // on CUDA, several steps a launch
};

TrainOptions parse_train_options(int argc, const char* const* argv);

}  // namespace karyon
