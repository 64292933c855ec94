#include "apps/training/trainer.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>

#include "apps/cli/precision.h"
#include "apps/cli/progress_bar.h"
#include "apps/cli/stop_signals.h"
#include "apps/data/crops.h"
#include "apps/training/monitor.h"
#include "apps/training/run_recorder.h"
#include "apps/training/validation_pictures.h"
#include "engine/files.h"
#include "kernels/check.h"
#include "model/epoch_runner.h"
#include "model/reestimate.h"
#include "weights/numbers.h"

namespace karyon {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::map<std::string, double> named_scores(const EpochResult& r) {
  return {{"loss", r.train.loss},          {"accuracy", r.train.accuracy},
          {"val_loss", r.validation.loss}, {"val_accuracy", r.validation.accuracy},
          {"val_iou", r.validation.iou},   {"val_dice", r.validation.dice}};
}

/// Everything of a run that lives as long as it does.
class Trainer {
 public:
  Trainer(Context& context, TrainingModel& model, TrainingSet& set, const Split& split, const TrainOptions& options,
          OutputFolder& folder, Log& log)
      : context_(context),
        model_(model),
        set_(set),
        split_(split),
        split_text_(split_to_json(split, set)),
        options_(options),
        folder_(folder),
        log_(log),
        on_cuda_(context.stream().device().is_cuda()),
        step_(context, *model.unet, adam_settings(options), options.loss),
        resident_(context, set.images, set.labels, set.height, set.width),
        training_(context, resident_, split.train, options.batch_size, model.description.normalisation,
                  storage_type(options.common.precision), options.augment),
        validation_(context, resident_, split.validation, options.batch_size, model.description.normalisation,
                    storage_type(options.common.precision)),
        runner_(context, step_, training_, options.cuda_graph),
        schedule_(schedule_settings(options, training_.count())),
        interval_(save_interval(options)),
        weights_(folder.make_folder("weights")) {
    folder.make_folder("state");
  }

  TrainingResult run(const std::optional<RunState>& state) {
    if (state) {
      restore(*state);
    } else {
      prepare_encoder();
    }
    const StopSignals signals;
    RunRecorder recorder(context_, model_, resident_, set_, split_, options_, folder_, log_,
                         {.epoch = epoch_, .batch = std::int64_t{epoch_ - 1} * training_.count() + done_steps_ + 1});
    bool stop = is_at_its_end();
    while (!stop) {
      if (!train_epoch(recorder)) {
        result_.interrupted = true;
        return std::move(result_);
      }
      finish_epoch(recorder);
      stop = is_at_its_end();
      save(epoch_, 0, {});
      if (StopSignals::received() != 0 && !stop) {
        result_.interrupted = true;
        return std::move(result_);
      }
    }
    settle_nuclei();
    recorder.finish(result_);
    return std::move(result_);
  }

 private:
  void restore(const RunState& state) {
    epoch_ = state.epoch;
    done_steps_ = state.step;
    done_counts_ = state.counts;
    wall_before_ = state.wall_seconds;
    result_.history = state.history;
    for (std::size_t i = 0; i < result_.history.size(); ++i) {
      if (is_better(options_, result_.history[i], result_.history[result_.best])) result_.best = i;
    }
    schedule_.restore(state.plateau);
    restore_weights(state, *model_.unet, step_);
  }

  /// Batch norm that was folded away is measured anew before it is trained on.
  void prepare_encoder() {
    constexpr int most_batches = 16;
    if (options_.freeze_encoder || model_.encoder.batch_norm != "folded") return;
    Batches batches(context_, resident_, split_.train, options_.batch_size, model_.description.normalisation,
                    storage_type(options_.common.precision));
    reestimate_batch_norm(context_, model_.unet->encoder(), batches, most_batches);
  }

  bool is_at_its_end() {
    if (epoch_ > options_.epochs) return true;
    if (result_.history.empty() || options_.patience == 0) return false;
    const int since_best = result_.history.back().epoch - result_.history[result_.best].epoch;
    if (since_best < options_.patience) return false;
    log_.note("Stopped early: no better " + options_.monitor + " for " + std::to_string(since_best) + " epochs");
    return true;
  }

  /// On the CPU the bar tells the loss so far, and a loss that is not finite stops the run at that step; on CUDA
  /// nothing waits for the device before the epoch's end. False when a signal stopped it, with the state saved.
  bool train_epoch(RunRecorder& recorder) {
    ProgressBar bar(log_, "Epoch " + std::to_string(epoch_) + "/" + std::to_string(options_.epochs), training_.count(),
                    "steps");
    epoch_start_ = Clock::now();
    take_crops();
    const auto first = std::int64_t{epoch_ - 1} * training_.count();
    runner_.begin(options_.seed, static_cast<std::uint32_t>(epoch_), schedule_.rates(first, training_.count()),
                  done_steps_, done_counts_);
    for (int k = 0; k < done_steps_; ++k) bar.advance();
    EpochCounts counts = done_counts_;
    while (!runner_.done()) {
      for (int queued = runner_.advance(); queued > 0; --queued) bar.advance();
      const bool save_now = is_save_due(), stop = StopSignals::received() != 0 && !runner_.done();
      if (on_cuda_ && !runner_.done() && !save_now && !stop) continue;
      const double loss_before = counts.sum.loss_sum;
      const std::int64_t pixels_before = counts.sum.pixels;
      counts = runner_.counts();
      if (counts.bad_step >= 0) stop_diverged(counts.bad_step);
      recorder.batch(first + runner_.steps(),
                     (counts.sum.loss_sum - loss_before) / static_cast<double>(counts.sum.pixels - pixels_before));
      const Scores so_far = scores(counts.sum);
      char note[64];
      std::snprintf(note, sizeof note, "loss: %.4f - accuracy: %.4f", so_far.loss, so_far.accuracy);
      bar.set_note(note);
      if (save_now || stop) save(epoch_, runner_.steps(), counts);
      if (stop) return false;
    }
    epoch_counts_ = counts;
    return true;
  }

  void take_crops() {
    if (set_.originals.empty()) return;
    draw_crops(set_, split_.train, options_.seed, static_cast<std::uint32_t>(epoch_));
    resident_.reload(context_.stream());
  }

  [[nodiscard]] bool is_save_due() const {
    if (runner_.done()) return false;
    if (interval_.steps > 0) return runner_.steps() % interval_.steps == 0;
    return seconds_since(last_save_) >= interval_.seconds;
  }

  [[noreturn]] void stop_diverged(std::int64_t bad_step) {
    const std::string tensor = first_bad_gradient(step_);
    stop_diverged("the loss in epoch " + std::to_string(epoch_) + ", step " + std::to_string(bad_step + 1) +
                  " is not finite" + (tensor.empty() ? "" : "; the first tensor with a bad gradient is " + tensor));
  }

  [[noreturn]] void stop_diverged(const std::string& what) const {
    const std::string kept =
        epoch_ > 1 ? ". The checkpoints of epoch " + std::to_string(epoch_ - 1) + " and before are untouched" : "";
    throw Error(Exit::diverged, what + "; try a smaller --lr" + kept);
  }

  /// Validation and the files of the epoch, with the averaged weights where there are any.
  void finish_epoch(RunRecorder& recorder) {
    const double trained_for = seconds_since(epoch_start_);
    EpochResult r;
    r.epoch = epoch_;
    r.train = scores(epoch_counts_.sum);
    r.images_per_second = static_cast<double>(split_.train.size()) / trained_for;
    if (options_.ema > 0) step_.adam().swap_average();
    model_.unet->fold();
    r.validation = scores(evaluate(context_, *model_.unet, validation_, step_.loss()));
    if (!std::isfinite(r.validation.loss)) {
      stop_diverged("the validation loss in epoch " + std::to_string(epoch_) + " is not finite");
    }
    r.learning_rate = static_cast<double>(schedule_.rate(std::int64_t{epoch_} * training_.count() - 1));
    schedule_.observe(r.validation.loss);
    r.wall_seconds = wall_before_ + seconds_since(start_);
    r.memory_mb = on_cuda_ ? static_cast<double>(context_.memory().figures().peak) * 1e-6 : peak_memory_mb();
    result_.history.push_back(r);
    write_epoch(r);
    recorder.epoch(result_);
    if (options_.ema > 0) step_.adam().swap_average();
    log_.note(epoch_line(r, options_.epochs, seconds_since(epoch_start_)));
    ++epoch_;
    done_steps_ = 0;
    done_counts_ = {};
  }

  void write_epoch(const EpochResult& r) {
    const bool is_best = r.epoch == 1 || is_better(options_, r, result_.history[result_.best]);
    if (is_best) result_.best = result_.history.size() - 1;
    const Checkpoint checkpoint = make_checkpoint(model_, r.epoch, named_scores(r));
    if (is_best) unsaved_best_ = checkpoint;
    try_to_save(failed_checkpoints_, [&] {
      if (unsaved_best_) save_checkpoint(weights_ / "best.safetensors", *unsaved_best_);
      unsaved_best_.reset();
      save_checkpoint(weights_ / "last.safetensors", checkpoint);
      folder_.keep();
      write_file(folder_.path() / "history.csv", history_csv(result_.history));
      write_file(folder_.path() / "history.jsonl", history_jsonl(result_.history));
    });
  }

  /// Tunes on validation pictures at their own sizes how the best network's nuclei are told apart, and keeps that in
  /// its checkpoint, and with it the ranges of its activations. Pictures that are gone by now leave it as it is.
  void settle_nuclei() {
    const std::filesystem::path path = weights_ / "best.safetensors";
    Checkpoint best = load_checkpoint(path);
    context_.memory().trim();  // pictures of other sizes have no use for what the training steps left
    try {
      result_.tuning = tune(context_, best, split_.validation, validation_loader(options_, set_), options_.batch_size,
                            options_.common.threads);
    } catch (const Error& error) {
      log_.warn(std::string("the threshold stays at ") + number_text(best.threshold) + ": " + error.what());
      return;
    }
    const Tuning& tuning = *result_.tuning;
    best.threshold = tuning.threshold;
    best.marker_threshold = tuning.marker_threshold;
    best.min_area = tuning.min_area;
    best.activation_ranges = tuning.activation_ranges;
    best.scores["native_dice"] = tuning.scores.dice;
    best.scores["native_dsb"] = tuning.scores.nuclei.dsb;
    try_to_save(failed_checkpoints_, [&] { save_checkpoint(path, best); });
  }

  /// A full disk costs no old checkpoint and, once, not the run either. Error cannot_create at the second failure of
  /// the kind in a row.
  template <typename Action>
  void try_to_save(int& failures, Action action) {
    try {
      action();
      failures = 0;
    } catch (const Error& error) {
      if (error.code() != Exit::io && error.code() != Exit::cannot_create) throw;
      if (++failures == 2) {
        throw Error(Exit::cannot_create, std::string(error.what()) +
                                             "; saving failed twice, so the run stops. What was saved before is whole: "
                                             "make room and go on by --resume " +
                                             folder_.path().string());
      }
      log_.warn(std::string(error.what()) + "; what was saved before is whole, the run goes on");
    }
  }

  /// The state from which epoch `epoch` goes on behind `steps` steps.
  void save(int epoch, int steps, const EpochCounts& counts) {
    RunState state;
    state.config = options_.config;
    state.split = split_text_;
    state.epoch = epoch;
    state.step = steps;
    state.counts = counts;
    state.wall_seconds = wall_before_ + seconds_since(start_);
    state.history = result_.history;
    state.plateau = schedule_.state();
    take_weights(state, *model_.unet, step_);
    // The optimizer counts an epoch's steps as taken when it begins.
    state.optimizer.steps = std::int64_t{epoch - 1} * training_.count();
    try_to_save(failed_states_, [&] {
      save_state(folder_.path(), std::move(state));
      folder_.keep();
    });
    last_save_ = Clock::now();
  }

  Context& context_;
  TrainingModel& model_;
  TrainingSet& set_;
  const Split& split_;
  std::string split_text_;
  const TrainOptions& options_;
  OutputFolder& folder_;
  Log& log_;
  bool on_cuda_;
  TrainingStep step_;
  ResidentSet resident_;
  Batches training_, validation_;
  EpochRunner runner_;
  Schedule schedule_;
  SaveInterval interval_;
  std::filesystem::path weights_;

  int failed_checkpoints_ = 0, failed_states_ = 0;  // in a row
  std::optional<Checkpoint> unsaved_best_;          // until the disk has it
  TrainingResult result_;
  int epoch_ = 1;             // under way, or the next
  int done_steps_ = 0;        // of it, before this process
  EpochCounts done_counts_;   // of these
  EpochCounts epoch_counts_;  // of the epoch just trained
  double wall_before_ = 0;
  Clock::time_point start_ = Clock::now(), epoch_start_ = start_, last_save_ = start_;
};

}  // namespace

TrainingResult train(Context& context, TrainingModel& model, TrainingSet& set, const Split& split,
                     const TrainOptions& options, const std::optional<RunState>& state, OutputFolder& folder,
                     Log& log) {
  return Trainer(context, model, set, split, options, folder, log).run(state);
}

}  // namespace karyon
