// What `train_unet` was asked to do.
// Invariant: every value is within its range before any work begins (Error usage names flag and range).
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "apps/cli/common_flags.h"
#include "engine/schedule.h"
#include "kernels/adam.h"
#include "layers/loss.h"
#include "model/augmentation.h"

namespace karyon {

struct TrainOptions {
  CommonFlags common;
  std::string data;  // empty: the built-in synthetic nuclei
  std::string out;   // empty: runs/train/exp, exp2, ...
  bool exist_ok = false;
  int epochs = 10;
  int batch_size = 32;
  double learning_rate = 1e-3;
  std::string schedule = "constant";  // cosine, one-cycle or plateau
  double warmup_epochs = 0;
  double min_lr = 0;  // the floor of cosine and plateau
  double plateau_factor = 0.1;
  int plateau_patience = 5;
  double weight_decay = 0;
  double clip_norm = 0;     // 0: no clipping
  double ema = 0;           // decay of the weights' moving average; 0: none is kept
  LossSettings loss;        // plain cross-entropy unless told otherwise
  AugmentSettings augment;  // beside flips, which are always on
  double encoder_lr = 0;    // of the encoder while it is trained; 0: as the rest
  int image_size = 128;
  int crop = 0;     // > 0: train on squares of this side at the pictures' own scale; image_size is the same then
  int classes = 2;  // 3: background, interior, border
  double val_split = 0.2;
  bool allow_duplicates = false;
  bool check_data = false;  // look at all of the data, say what is wrong, and stop
  bool skip_bad = false;    // train without broken examples
  std::uint64_t seed = 0;
  int patience = 0;                      // epochs without a better value of `monitor`; 0: never stop early
  double min_delta = 0;                  // by which it has to be better
  std::string monitor = "val_accuracy";  // or val_loss, val_iou, val_dice: what "best" means
  std::string encoder_weights;           // a file, or "imagenet" for the one in the cache
  bool fetch_weights = false;            // for "imagenet": bring it when it is not there
  bool freeze_encoder = false;           // by default true with weights, false without
  double width = 1.0;
  bool width_given = false;
  std::vector<int> decoder_filters{512, 256, 128, 64};
  std::string input_scale = "family";
  int synthetic_images = 320;
  int write_synthetic = 0;                           // > 0: write so many synthetic pictures into --out and stop
  std::string resume;                                // the folder of a run to go on with
  bool resume_anyway = false;                        // also with other settings than it had
  std::string checkpoint_every = "5m";               // so many steps, or minutes ("5m"), between saves within an epoch
  std::vector<int> sample_epochs{1, 5, 10, 15, 20};  // epochs after which pictures are made, and every tenth behind 20
  bool minimal = false;                              // history and checkpoints alone
  bool histograms = false;
  std::string config;  // the text of config.toml
  bool dry_run = false;
  int bench_steps = 0;     // > 0: time so many steps and stop
  bool cuda_graph = true;  // on CUDA, several steps a launch
};

/// The schedule for a run of `steps` steps an epoch.
ScheduleSettings schedule_settings(const TrainOptions& options, int steps);
AdamSettings adam_settings(const TrainOptions& options);

/// --checkpoint-every in numbers: steps, or 0, and seconds, or 0.
struct SaveInterval {
  int steps = 0;
  double seconds = 0;
};
SaveInterval save_interval(const TrainOptions& options);

TrainOptions parse_train_options(int argc, const char* const* argv);

}  // namespace karyon
