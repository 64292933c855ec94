// train_unet: trains the nuclei U-Net. From top to bottom: flags, device, network, data, epochs.
#include <cstdio>
#include <iostream>

#include <malloc.h>

#include "apps/cli/device.h"
#include "apps/cli/output_folder.h"
#include "apps/cli/precision.h"
#include "apps/cli/program.h"
#include "apps/cli/progress_bar.h"
#include "apps/cli/stop_signals.h"
#include "apps/data/problems.h"
#include "apps/data/split.h"
#include "apps/data/synthetic.h"
#include "apps/training/bench.h"
#include "apps/training/imagenet_weights.h"
#include "apps/training/options.h"
#include "apps/training/run_files.h"
#include "apps/training/run_lock.h"
#include "apps/training/setup.h"
#include "apps/training/trainer.h"
#include "engine/files.h"
#include "model/summary.h"

namespace karyon {
namespace {

/// A progress callback that drives a bar.
Progress bar_progress(ProgressBar& bar) {
  return [&bar](std::size_t, std::size_t) { bar.advance(); };
}

Exit write_synthetic(const TrainOptions& options, Log& log) {
  const OutputFolder folder(options.out, "runs/synthetic", options.exist_ok);
  ProgressBar bar(log, "Drawing", options.write_synthetic, "pictures");
  write_synthetic_set(folder.path(), options.seed, 0, static_cast<std::uint32_t>(options.write_synthetic),
                      options.image_size, options.image_size, options.common.threads, bar_progress(bar));
  std::cout << "data: " << folder.path().string() << "\n";
  return Exit::done;
}

TrainingSet load_data(const TrainOptions& options, Log& log) {
  const int size = options.image_size;
  if (options.data.empty()) {
    log.note("data: " + std::to_string(options.synthetic_images) +
             " built-in synthetic pictures; --data trains on your own");
    ProgressBar bar(log, "Drawing", options.synthetic_images, "pictures");
    return make_synthetic_set(options.seed, static_cast<std::uint32_t>(options.synthetic_images), size, size,
                              options.common.threads, bar_progress(bar), options.classes);
  }
  std::unique_ptr<ProgressBar> bar;  // made when the number of pictures is known
  const auto advance = [&](std::size_t, std::size_t total) {
    if (!bar) bar = std::make_unique<ProgressBar>(log, "Reading", static_cast<std::int64_t>(total), "pictures");
    bar->advance();
  };
  const bool leave_out = options.skip_bad || options.check_data;
  TrainingSet set = load_training_set(options.data, {size, size, options.classes, options.crop > 0},
                                      options.common.threads, advance, leave_out);
  bar.reset();
#ifdef __GLIBC__
  malloc_trim(0);  // what decoding left in the heap would stay there for the whole run
#endif
  if (options.skip_bad && !set.faults.empty()) {
    log.warn(list_problems(std::to_string(set.faults.size()) + " are left out", set.faults));
  }
  return set;
}

/// A table of all that is wrong with the data: what training would refuse, and what it would only mention.
Exit check_data(const TrainOptions& options, Log& log) {
  TrainingSet set = load_data(options, log);
  for (const auto& [trained, validated] : find_leaks(make_split(set.size(), options.val_split, options.seed), set)) {
    (options.allow_duplicates ? set.warnings : set.faults)
        .push_back(trained + " would be trained on and is the same picture as " + validated + ", which validates");
  }
  for (const std::string& fault : set.faults) std::cout << "error    " << fault << "\n";
  for (const std::string& warning : set.warnings) std::cout << "warning  " << warning << "\n";
  std::cout << "good_examples: " << set.size() << "\nbackground_only: " << set.background_images
            << "\nerrors: " << set.faults.size() << "\nwarnings: " << set.warnings.size() << "\n";
  if (set.faults.empty()) return Exit::done;
  return options.skip_bad ? Exit::partly_done : Exit::bad_data;
}

constexpr const char* kSplitFile = "split.json";
constexpr const char* kConfigFile = "config.toml";
constexpr const char* kDoneFile = "DONE";

/// Where a folder's split is written; of no folder, nowhere.
std::filesystem::path split_file(const std::filesystem::path& folder) {
  return folder.empty() ? folder : folder / kSplitFile;
}

/// The halves of the set: as `written`, a split.json of an earlier run into the same folder, says where it exists, else
/// drawn by the seed. Error bad_data when one picture lies in both.
Split divide(const TrainingSet& set, const TrainOptions& options, const std::filesystem::path& written, Log& log) {
  for (const std::string& warning : set.warnings) log.warn(warning);
  Split split;
  if (std::filesystem::exists(written)) {
    const std::vector<std::uint8_t> text = read_file(written);
    split = split_from_json({reinterpret_cast<const char*>(text.data()), text.size()}, written.string(), set);
    log.note("split: as written in " + written.string());
  } else {
    split = make_split(set.size(), options.val_split, options.seed);
  }
  std::vector<std::string> leaks;
  for (const auto& [trained, validated] : find_leaks(split, set)) {
    std::string& pair = leaks.emplace_back(trained);
    pair.append(" and ").append(validated);
  }
  if (!leaks.empty() && !options.allow_duplicates) {
    throw Error(Exit::bad_data, list_problems("the same picture would be trained on and validated on; remove one of "
                                              "each pair, or allow it by --allow-duplicates",
                                              leaks));
  }
  log.note("data: " + std::to_string(split.train.size()) + " pictures to train on, " +
           std::to_string(split.validation.size()) + " for validation, " + std::to_string(set.background_images) +
           " without nuclei");
  return split;
}

void print_facts(const TrainingModel& model, const TrainOptions& options, Device device) {
  const Checkpoint& d = model.description;
  const EncoderWeights& e = model.encoder;
  const bool from_file = !e.family.empty();
  const ModelSummary summary = summarise(*model.unet, d.image_height, d.image_width);
  std::cout << "container: " << (from_file ? e.container : "none") << "\nfamily: " << d.encoder_family
            << "\nwidth: " << d.width << "\npadding: " << d.padding << "\nactivation: " << d.activation
            << "\nnormalisation: " << d.normalisation_name
            << "\nbatch_norm: " << (from_file ? e.batch_norm : "separate")
            << "\nclassifier: " << (e.classes > 0 ? std::to_string(e.classes) + " classes" : "no")
            << "\ntensors_used: " << e.tensors_used << "\ntensors_unused: " << e.tensors_unused
            << "\nsha256: " << (from_file ? e.sha256 : "none") << "\nparameters: " << summary.parameters
            << "\nmultiply_adds: " << summary.multiply_adds << "\ndevice: " << device.text()
            << "\nencoder: " << (options.freeze_encoder ? "frozen" : "trained") << "\n";
}

void print_result(const TrainingResult& result, const std::filesystem::path& folder) {
  const EpochResult& best = result.history[result.best];
  char text[256];
  std::snprintf(text, sizeof text,
                "best_epoch: %d\nval_accuracy: %.4f\nval_loss: %.4f\nval_iou: %.4f\nval_dice: %.4f\n", best.epoch,
                best.validation.accuracy, best.validation.loss, best.validation.iou, best.validation.dice);
  std::cout << text;
  if (result.tuning) {
    const Tuning& t = *result.tuning;
    std::snprintf(text, sizeof text,
                  "threshold: %g\nmarker_threshold: %g\nmin_area: %d\nnative_dice: %.4f\nnative_dsb: %.4f\n",
                  t.threshold, t.marker_threshold, t.min_area, t.scores.dice, t.scores.nuclei.dsb);
    std::cout << text;
  }
  std::cout << "model: " << (folder / "weights" / "best.safetensors").string() << "\nrun: " << folder.string() << "\n";
}

/// The state that --resume goes on from: none where the run saved nothing yet. Error no_input where there is no such
/// run, usage where its settings were others.
std::optional<RunState> find_state(const TrainOptions& options, Log& log) {
  if (options.resume.empty()) return std::nullopt;
  const std::filesystem::path folder = options.resume;
  if (!std::filesystem::exists(folder / kConfigFile) && options.data.empty()) {
    throw Error(Exit::no_input, "--resume " + options.resume +
                                    ": there is no config.toml; give the run's own flags as well, and it is started");
  }
  std::string warning;
  std::optional<RunState> state = load_state(folder, warning);
  if (!warning.empty()) log.warn(warning);
  if (!state) {
    log.note("resume: no state was saved yet, so the run starts over");
    return state;
  }
  const std::string differing = differences(state->config, options.config);
  if (!differing.empty() && !options.resume_anyway) {
    throw Error(Exit::usage, "--resume " + options.resume + ": the run had other settings:" + differing +
                                 "\nGo on all the same by --resume-anyway");
  }
  return state;
}

/// A run that was resumed is in its folder; a new one gets its own. Its config.toml stands there first of all.
std::unique_ptr<OutputFolder> open_folder(const TrainOptions& options) {
  auto folder = std::make_unique<OutputFolder>(options.out, "runs/train", options.exist_ok || !options.resume.empty());
  write_file(options.resume.empty() ? folder->preliminary(kConfigFile) : folder->path() / kConfigFile, options.config);
  return folder;
}

Exit run(int argc, char** argv) {
  TrainOptions options = parse_train_options(argc, argv);
  Log log(options.common.verbosity());
  if (options.write_synthetic > 0) return write_synthetic(options, log);
  if (options.check_data) return check_data(options, log);

  const Device device = choose_device(options.common.device, log);
  Context context(device, options.common.threads);
  set_precision(options.common, context.stream());
  if (options.encoder_weights == "imagenet") {
    options.encoder_weights = imagenet_weights(options.fetch_weights, log).string();
  }
  TrainingModel model = make_training_model(context, options);
  if (options.encoder_weights.empty()) {
    log.note("encoder: no --encoder-weights, so it starts from random weights and is " +
             std::string(options.freeze_encoder ? "frozen as it is" : "trained throughout"));
  }
  if (options.bench_steps > 0) {
    context.profile().enable(options.common.verbose);
    const std::string line = bench_training(context, model, options);
    log.detail(context.profile().table(options.bench_steps));
    log.detail(memory_text(context.memory().figures()));
    std::cout << line << "\n";
    return Exit::done;
  }
  if (options.dry_run) {
    if (!options.out.empty()) const OutputFolder tried(options.out, "", options.exist_ok);
    if (!options.data.empty()) divide(load_data(options, log), options, split_file(options.out), log);
    log.detail(summary_text(summarise(*model.unet, options.image_size, options.image_size)));
    print_facts(model, options, device);
    return Exit::done;
  }

  const std::optional<RunState> state = find_state(options, log);
  const std::unique_ptr<OutputFolder> owned_folder = open_folder(options);
  OutputFolder& folder = *owned_folder;
  const RunLock lock(folder.path());
  std::error_code ignored;
  std::filesystem::remove(folder.path() / kDoneFile, ignored);
  write_file(folder.preliminary("env.json"), environment_json(argc, argv, device, options.common.threads));
  folder.preliminary("train.log");
  log.copy_to(folder.path() / "train.log");
  TrainingSet set = load_data(options, log);
  const Split split = divide(set, options, split_file(folder.path()), log);
  write_file(folder.preliminary(kSplitFile), split_to_json(split, set));
  const ModelSummary summary = summarise(*model.unet, options.image_size, options.image_size);
  write_file(folder.preliminary("model.txt"), summary_text(summary));
  const TrainingResult result = train(context, model, set, split, options, state, folder, log);
  if (result.interrupted) {
    log.note("interrupted: the state is saved; go on by --resume " + folder.path().string());
    return StopSignals::exit_code();
  }
  const std::string memory = memory_text(context.memory().figures());
  if (device.is_cuda()) {
    log.note(memory);
  } else {
    log.detail(memory);
  }
  write_file(folder.path() / kDoneFile, "epoch " + std::to_string(result.history.back().epoch) + "\n");
  print_result(result, folder.path());
  return set.faults.empty() ? Exit::done : Exit::partly_done;
}

}  // namespace
}  // namespace karyon

int main(int argc, char** argv) { return karyon::run_program(argc, argv, karyon::run); }
