#include "apps/training/options.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "kernels/check.h"
#include "model/unet.h"
#include "weights/numbers.h"

namespace karyon {

namespace {

/// A check that the word is one of these.
auto one_of(std::vector<std::string> words) {
  return [words = std::move(words)](const std::string& word) {
    if (std::ranges::find(words, word) != words.end()) return std::string();
    std::string all;
    for (const std::string& each : words) all += (all.empty() ? "" : ", ") + each;
    return "'" + word + "' is none of " + all;
  };
}

/// Of --checkpoint-every; "" for none.
std::string interval_fault(const std::string& word) {
  const bool minutes = word.ends_with('m');
  std::optional<double> number = parse_number<int>(word);
  if (minutes) number = parse_number<double>(std::string_view(word).substr(0, word.size() - 1));
  const bool fits = number && *number >= (minutes ? 0.01 : 1.0) && *number <= 1e9;
  return fits ? "" : "'" + word + "' is neither a number of steps (100) nor of minutes (5m)";
}

/// A path that means the same from everywhere; what is no path stays.
std::string absolute_path(const std::string& path) {
  const bool is_path = !path.empty() && path != "imagenet" && path.find("://") == std::string::npos;
  return !is_path ? path : std::filesystem::absolute(path).lexically_normal().string();
}

/// --resume names the folder itself; a config.toml is used from elsewhere.
void settle_folders(TrainOptions& o, const CLI::Option* resume) {
  if (resume->count() > 0) {
    if (!o.out.empty() && absolute_path(o.out) != absolute_path(o.resume)) {
      throw Error(Exit::usage, "--out " + o.out + " contradicts --resume " + o.resume);
    }
    o.out = o.resume;
  }
  o.data = absolute_path(o.data);
  o.encoder_weights = absolute_path(o.encoder_weights);
}

/// Flags that say how a program is called, not what the run is; and the width, where the weights' file decides it.
std::set<std::string> not_of_the_run(const TrainOptions& o) {
  std::set<std::string> names{"out",     "exist-ok",        "resume",  "resume-anyway", "fetch-weights", "quiet",
                              "verbose", "write-synthetic", "dry-run", "bench",         "check-data"};
  if (!o.encoder_weights.empty()) names.insert("width");
  return names;
}

}  // namespace

TrainOptions parse_train_options(int argc, const char* const* argv) {
  TrainOptions o;
  CommandLine line("train_unet",
                   "Trains a U-Net with a MobileNetV2 encoder to find cell nuclei in microscope pictures.");
  line.text(
      "-d,--data", o.data,
      "Pictures and masks: a folder or .zip in Kaggle's layout (<id>/images, <id>/masks) or with inputs/ and masks/; "
      "without it the built-in synthetic nuclei");
  line.text("-o,--out", o.out, "The run's folder; by default runs/train/exp, exp2, ...");
  line.toggle("exist-ok", o.exist_ok, "Write into --out even if it is not empty");
  line.number("-e,--epochs", o.epochs, 1, 1000000, "Epochs to train");
  line.number("-b,--batch-size", o.batch_size, 1, 65536, "Images a step");
  line.number("--lr", o.learning_rate, 1e-12, 1e3, "Adam's learning rate, the highest of a schedule");
  line.text("--schedule", o.schedule, "constant, cosine, one-cycle, or plateau: lower when the validation loss stalls")
      ->check(one_of({"constant", "cosine", "one-cycle", "plateau"}));
  line.number("--warmup-epochs", o.warmup_epochs, 0.0, 1e6, "Epochs in which the learning rate rises to its height");
  line.number("--min-lr", o.min_lr, 0.0, 1e3, "The floor of --schedule cosine and plateau");
  line.number("--plateau-factor", o.plateau_factor, 1e-6, 1 - 1e-6, "What plateau multiplies the learning rate by");
  line.number("--plateau-patience", o.plateau_patience, 1, 1000000, "Epochs without a better loss that plateau waits");
  line.number("--weight-decay", o.weight_decay, 0.0, 1.0, "Decoupled weight decay of the kernels (AdamW)");
  line.number("--clip-norm", o.clip_norm, 0.0, 1e9, "The most the norm of all gradients may be; 0: any");
  line.number("--ema", o.ema, 0.0, 1 - 1e-9,
              "Validate and save a moving average of the weights, of this decay; 0: none");
  line.number("--encoder-lr", o.encoder_lr, 0.0, 1e3,
              "The encoder's learning rate while it is trained too; 0: the same as --lr");
  line.numbers("--class-weights", o.loss.class_weights, 0.0F, 1e6F,
               "Weights of the classes in the loss, background first, as 1,2");
  line.number("--dice-weight", o.loss.dice_weight, 0.0F, 1e3F, "Weight of a Dice term beside the cross-entropy");
  line.toggle("transpose", o.augment.transpose, "Swap rows and columns of training images at random, beside the flips");
  line.number("--brightness", o.augment.brightness, 0.0F, 1.0F, "Training images up to so much brighter or darker");
  line.number("--colour", o.augment.colour, 0.0F, 1.0F, "Each channel up to so much brighter or darker, and shifted");
  line.number("--noise", o.augment.noise, 0.0F, 1.0F, "Normal noise of this deviation, as a share of the range");
  line.number("--zoom", o.augment.scale, 0.0F, 1.0F, "Training images up to so much larger or smaller");
  CLI::Option* size_given = line.number("--image-size", o.image_size, kSizeMultiple, 4096,
                                        "Side that pictures are resized to for training, a multiple of 32");
  line.number("--crop", o.crop, 0, 4096,
              "Train on squares of this side out of the pictures at their own scale instead, drawn anew each epoch");
  line.number("--classes", o.classes, 2, 3,
              "2: background and nucleus; 3: background, a nucleus's interior and its border, for touching nuclei");
  line.number("--val-split", o.val_split, 1e-6, 1.0 - 1e-6, "Share of the images kept for validation");
  line.toggle("allow-duplicates", o.allow_duplicates,
              "Train even if the same picture is among those to train on and those to validate on");
  line.toggle("check-data", o.check_data, "Look at all of the data, print a table of what is wrong with it, and stop");
  line.toggle("skip-bad", o.skip_bad,
              "Leave broken pictures out instead of refusing the data; the exit status is 75 then");
  line.number("--seed", o.seed, std::uint64_t{0}, std::uint64_t{INT64_MAX}, "Seed of all random numbers");
  line.number("--patience", o.patience, 0, 1000000, "Stop after so many epochs without a better --monitor; 0: never");
  line.number("--min-delta", o.min_delta, 0.0, 1e9, "By how much --monitor has to be better");
  line.text("--monitor", o.monitor, "What the best model is best in: val_accuracy, val_loss, val_iou or val_dice")
      ->check(one_of({"val_accuracy", "val_loss", "val_iou", "val_dice"}));
  CLI::Option* resume = line.folder_with_config(
      "--resume", o.resume,
      "Go on with the run in this folder, whose settings are taken; start it if it saved nothing yet");
  line.toggle("resume-anyway", o.resume_anyway, "Go on even if settings that change the results differ");
  line.text("--checkpoint-every", o.checkpoint_every,
            "Save the run's state so often within an epoch too: steps (100) or minutes (5m)")
      ->check(interval_fault);
  line.numbers(
      "--sample-epochs", o.sample_epochs, 1, 1000000,
      "Epochs after which pictures of predictions are made; every tenth behind the last, the best and the last "
      "too");
  line.toggle("minimal", o.minimal, "Write history and checkpoints alone: no pictures, plots, TensorBoard and report");
  line.toggle("histograms", o.histograms, "Histograms of the weights for TensorBoard");
  line.take_config_file();
  line.text(
      "--encoder-weights", o.encoder_weights,
      "ImageNet weights for the encoder, which then stays frozen: a file of Keras, TF-slim, torchvision, timm, Hugging "
      "Face or ONNX, or imagenet for the one that weights/fetch brings; without them all is trained from random "
      "weights");
  line.toggle("fetch-weights", o.fetch_weights, "With --encoder-weights imagenet: run weights/fetch if need be");
  CLI::Option* freeze_given =
      line.toggle("freeze-encoder", o.freeze_encoder, "Keep the encoder as it is")
          ->description("Keep the encoder as it is; by default only with --encoder-weights and in --bench");
  CLI::Option* width_given = line.number("--width", o.width, 0.1, 2.0, "Channel multiplier of the encoder");
  line.numbers("--decoder-filters", o.decoder_filters, 1, 4096, "Filters of the four upsamplers");
  line.text("--input-scale", o.input_scale,
            "family: as the encoder's weights were trained; tutorial: x/255, as the TensorFlow tutorial feeds it")
      ->check([](const std::string& word) {
        return word == "family" || word == "tutorial" ? "" : "'" + word + "' is neither family nor tutorial";
      });
  line.number("--synthetic-images", o.synthetic_images, 2, 1000000,
              "How many synthetic pictures to train on without --data");
  line.number("--write-synthetic", o.write_synthetic, 0, 1000000,
              "Write so many synthetic pictures and their masks into --out, in Kaggle's layout, and stop");
  line.toggle("dry-run", o.dry_run, "Do everything up to the first step, print what was found, and stop");
  line.number("--bench", o.bench_steps, 0, 1000000, "Time so many training steps on random images, and stop");
  line.toggle("cuda-graph", o.cuda_graph, "On CUDA, capture the step once and launch several at a time");
  add_common_flags(line, o.common);
  line.parse(argc, argv);

  if (!line.is_given(freeze_given)) o.freeze_encoder = !o.encoder_weights.empty() || o.bench_steps > 0;
  o.width_given = line.is_given(width_given);
  settle_folders(o, resume);
  if (o.common.precision == "int8") {
    throw Error(Exit::usage, "--precision int8: training computes in fp32 or bf16; int8 is infer_unet's");
  }
  if (o.crop > 0) {
    if (line.is_given(size_given) && o.image_size != o.crop) {
      throw Error(Exit::usage, "--image-size " + std::to_string(o.image_size) + " contradicts --crop " +
                                   std::to_string(o.crop) + ", with which nothing is resized");
    }
    o.image_size = o.crop;
  }
  if (o.image_size % kSizeMultiple != 0) {
    throw Error(Exit::usage, (o.crop > 0 ? "--crop " : "--image-size ") + std::to_string(o.image_size) +
                                 ": expected a multiple of " + std::to_string(kSizeMultiple));
  }
  if (o.schedule == "one-cycle" && o.warmup_epochs > 0) {
    throw Error(Exit::usage, "--warmup-epochs: --schedule one-cycle has a warm-up of its own");
  }
  if (o.decoder_filters.size() != kUpsamplers) {
    throw Error(Exit::usage, "--decoder-filters: expected " + std::to_string(kUpsamplers) + " numbers, got " +
                                 std::to_string(o.decoder_filters.size()));
  }
  o.config = line.config_text(not_of_the_run(o));
  return o;
}

ScheduleSettings schedule_settings(const TrainOptions& options, int steps) {
  constexpr std::array<const char*, 4> kinds{"constant", "cosine", "one-cycle", "plateau"};
  ScheduleSettings s;
  s.kind = static_cast<ScheduleKind>(std::ranges::find(kinds, options.schedule) - kinds.begin());
  s.base = options.learning_rate;
  s.total_steps = std::int64_t{steps} * options.epochs;
  s.warm_up_steps = std::llround(options.warmup_epochs * steps);
  s.lowest = options.min_lr;
  s.factor = options.plateau_factor;
  s.patience = options.plateau_patience;
  return s;
}

AdamSettings adam_settings(const TrainOptions& options) {
  AdamSettings s;
  s.learning_rate = static_cast<float>(options.learning_rate);
  s.weight_decay = static_cast<float>(options.weight_decay);
  s.clip_norm = static_cast<float>(options.clip_norm);
  s.average_decay = static_cast<float>(options.ema);
  if (options.encoder_lr > 0) s.encoder_factor = static_cast<float>(options.encoder_lr / options.learning_rate);
  return s;
}

SaveInterval save_interval(const TrainOptions& options) {
  const std::string& text = options.checkpoint_every;
  if (!text.ends_with('m')) return {.steps = *parse_number<int>(text), .seconds = 0};
  return {.steps = 0, .seconds = 60 * *parse_number<double>(std::string_view(text).substr(0, text.size() - 1))};
}

}  // namespace karyon
