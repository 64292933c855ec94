#include "apps/training/trainer.h"

#include <chrono>
#include <cmath>
#include <cstdio>

#include "apps/cli/precision.h"
#include "apps/cli/progress_bar.h"
#include "engine/files.h"
#include "kernels/check.h"
#include "model/epoch_runner.h"

namespace karyon {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

[[noreturn]] void stop_diverged(const std::string& what, int epoch) {
  throw Error(
      Exit::diverged,
      what + " is not finite; try a smaller --lr" +
          (epoch > 1 ? ". The checkpoints of epoch " + std::to_string(epoch - 1) + " and before are untouched" : ""));
}

/// Runs the epoch. On the CPU the bar tells the loss so far, and a loss that is not finite stops it at that step; on
/// CUDA nothing waits for the device before the epoch's end.
Scores train_epoch(EpochRunner& runner, int steps, int epoch, bool may_wait, const TrainOptions& options, Log& log) {
  ProgressBar bar(log, "Epoch " + std::to_string(epoch) + "/" + std::to_string(options.epochs), steps, "steps");
  runner.begin(options.seed, static_cast<std::uint32_t>(epoch),
               std::vector<float>(static_cast<std::size_t>(steps), static_cast<float>(options.learning_rate)));
  EpochCounts counts;
  while (!runner.done()) {
    for (int queued = runner.advance(); queued > 0; --queued) bar.advance();
    if (!may_wait && !runner.done()) continue;
    counts = runner.counts();
    if (counts.bad_step >= 0) {
      stop_diverged("the loss in epoch " + std::to_string(epoch) + ", step " + std::to_string(counts.bad_step + 1),
                    epoch);
    }
    const Scores so_far = scores(counts.sum);
    char note[64];
    std::snprintf(note, sizeof note, "loss: %.4f - accuracy: %.4f", so_far.loss, so_far.accuracy);
    bar.set_note(note);
  }
  return scores(counts.sum);
}

std::map<std::string, double> named_scores(const EpochResult& r) {
  return {{"loss", r.train.loss},          {"accuracy", r.train.accuracy},
          {"val_loss", r.validation.loss}, {"val_accuracy", r.validation.accuracy},
          {"val_iou", r.validation.iou},   {"val_dice", r.validation.dice}};
}

}  // namespace

TrainingResult train(Context& context, TrainingModel& model, const TrainingSet& set, const Split& split,
                     const TrainOptions& options, OutputFolder& folder, Log& log) {
  const Clock::time_point start = Clock::now();
  AdamSettings settings;
  settings.learning_rate = static_cast<float>(options.learning_rate);
  TrainingStep step(context, *model.unet, settings);
  const Normalisation& normalisation = model.description.normalisation;
  const ResidentSet resident(context, set.images, set.labels, set.height, set.width);
  const bool on_cuda = context.stream().device().is_cuda();
  const ElementType type = storage_type(options.common.precision);
  Batches training(context, resident, split.train, options.batch_size, normalisation, type);
  Batches validation(context, resident, split.validation, options.batch_size, normalisation, type);
  EpochRunner runner(context, step, training, options.cuda_graph);
  const std::filesystem::path weights = folder.make_folder("weights");

  TrainingResult result;
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    const Clock::time_point epoch_start = Clock::now();
    EpochResult r;
    r.epoch = epoch;
    r.train = train_epoch(runner, training.count(), epoch, !on_cuda, options, log);
    r.images_per_second = static_cast<double>(split.train.size()) / seconds_since(epoch_start);
    model.unet->fold();
    r.validation = scores(evaluate(context, *model.unet, validation));
    if (!std::isfinite(r.validation.loss)) {
      stop_diverged("the validation loss in epoch " + std::to_string(epoch), epoch);
    }
    r.learning_rate = static_cast<double>(step.adam().settings().learning_rate);
    r.wall_seconds = seconds_since(start);
    r.memory_mb = on_cuda ? static_cast<double>(context.memory().figures().peak) * 1e-6 : peak_memory_mb();
    result.history.push_back(r);

    const bool is_best = epoch == 1 || r.validation.accuracy > result.history[result.best].validation.accuracy;
    if (is_best) result.best = result.history.size() - 1;
    const Checkpoint checkpoint = make_checkpoint(model, epoch, named_scores(r));
    save_checkpoint(weights / "last.safetensors", checkpoint);
    folder.keep();
    if (is_best) save_checkpoint(weights / "best.safetensors", checkpoint);
    write_file(folder.path() / "history.csv", history_csv(result.history));
    log.note(epoch_line(r, options.epochs, seconds_since(epoch_start)));

    const int since_best = epoch - result.history[result.best].epoch;
    if (options.patience > 0 && since_best >= options.patience) {
      log.note("Stopped early: no better validation accuracy for " + std::to_string(since_best) + " epochs");
      break;
    }
  }
  return result;
}

}  // namespace karyon
