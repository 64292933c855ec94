#include "apps/training/trainer.h"

#include <chrono>
#include <cmath>
#include <cstdio>

#include "apps/cli/progress_bar.h"
#include "apps/training/batches.h"
#include "engine/files.h"
#include "kernels/check.h"
#include "model/training_step.h"

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

Scores train_epoch(TrainingStep& step, Batches& batches, int epoch, const TrainOptions& options, Log& log) {
  ProgressBar bar(log, "Epoch " + std::to_string(epoch) + "/" + std::to_string(options.epochs), batches.count(),
                  "steps");
  XentCounts total;
  for (int k = 0; k < batches.count(); ++k) {
    const Tensor x = batches.images(k);
    const XentCounts counts = step.compute_gradients(x, batches.labels(k));
    if (!std::isfinite(counts.loss_sum)) {
      stop_diverged("the loss in epoch " + std::to_string(epoch) + ", step " + std::to_string(k + 1), epoch);
    }
    step.update();
    accumulate(total, counts);
    const Scores so_far = scores(total);
    char note[64];
    std::snprintf(note, sizeof note, "loss: %.4f - accuracy: %.4f", so_far.loss, so_far.accuracy);
    bar.set_note(note);
    bar.advance();
  }
  return scores(total);
}

Scores evaluate(Context& context, UNet& unet, Batches& batches) {
  unet.fold();
  XentCounts total;
  for (int k = 0; k < batches.count(); ++k) {
    const Tensor logits = unet.infer(batches.images(k));
    accumulate(total, softmax_cross_entropy(context, logits, batches.labels(k), false).counts);
  }
  return scores(total);
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
  Batches training(context, set, split.train, options.batch_size, normalisation);
  Batches validation(context, set, split.validation, options.batch_size, normalisation);
  const std::filesystem::path weights = folder.make_folder("weights");

  TrainingResult result;
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    const Clock::time_point epoch_start = Clock::now();
    training.shuffle(options.seed, static_cast<std::uint32_t>(epoch));
    EpochResult r;
    r.epoch = epoch;
    r.train = train_epoch(step, training, epoch, options, log);
    r.images_per_second = static_cast<double>(split.train.size()) / seconds_since(epoch_start);
    r.validation = evaluate(context, *model.unet, validation);
    if (!std::isfinite(r.validation.loss)) {
      stop_diverged("the validation loss in epoch " + std::to_string(epoch), epoch);
    }
    r.learning_rate = static_cast<double>(step.adam().settings().learning_rate);
    r.wall_seconds = seconds_since(start);
    r.memory_mb = peak_memory_mb();
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
