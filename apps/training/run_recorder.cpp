#include "apps/training/run_recorder.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "apps/cli/precision.h"
#include "apps/drawing/curves.h"
#include "apps/drawing/marks.h"
#include "apps/drawing/model_picture.h"
#include "apps/drawing/panels.h"
#include "apps/models/parameters.h"
#include "apps/training/report.h"
#include "engine/files.h"
#include "kernels/check.h"
#include "model/summary.h"

namespace karyon {

namespace {

constexpr std::size_t kShownImages = 6;
constexpr std::size_t kWorstImages = 10;
constexpr int kAugmentedImages = 18;  // three rows
constexpr int kEveryTenth = 10;

/// Evenly out of the split, which is sorted by id: the same ones in every epoch and every run on it.
std::vector<std::int32_t> choose_shown(const std::vector<std::int32_t>& validation) {
  std::vector<std::int32_t> shown;
  const std::size_t count = std::min(kShownImages, validation.size());
  for (std::size_t i = 0; i < count; ++i) shown.push_back(validation[i * validation.size() / count]);
  return shown;
}

std::string heading_of(const EpochResult& r) {
  char text[120];
  std::snprintf(text, sizeof text, "Epoch %d - validation accuracy %.4f, IoU %.4f", r.epoch, r.validation.accuracy,
                r.validation.iou);
  return text;
}

std::string picture_name(int epoch) {
  char name[40];
  std::snprintf(name, sizeof name, "epoch_%04d.png", epoch);
  return name;
}

std::vector<CurvePlot> plots_of(const TrainingResult& result) {
  const auto curve = [&](const char* name, auto value) {
    Curve c{name, {}};
    for (const EpochResult& r : result.history) c.values.push_back(value(r));
    return c;
  };
  const int best = result.history.empty() ? 0 : result.history[result.best].epoch;
  const auto plot = [&](const char* title, const char* unit, auto score) {
    return CurvePlot{title,
                     unit,
                     {curve("training", [&](const EpochResult& r) { return score(r.train); }),
                      curve("validation", [&](const EpochResult& r) { return score(r.validation); })},
                     best};
  };
  return {plot("Accuracy", "of pixels", [](const Scores& s) { return s.accuracy; }),
          plot("Loss", "", [](const Scores& s) { return s.loss; }),
          plot("IoU", "of nuclei", [](const Scores& s) { return s.iou; }),
          {"Learning rate", "", {curve("learning rate", [](const EpochResult& r) { return r.learning_rate; })}, 0}};
}

}  // namespace

RunRecorder::RunRecorder(Context& context, TrainingModel& model, const ResidentSet& resident, const TrainingSet& set,
                         const Split& split, const TrainOptions& options, const OutputFolder& folder, Log& log,
                         StartingPoint start)
    : context_(context),
      model_(model),
      resident_(resident),
      set_(set),
      split_(split),
      options_(options),
      log_(log),
      folder_(folder.path()),
      shown_(choose_shown(split.validation)) {
  if (options.minimal) return;
  boards_ = std::make_unique<TensorBoardLog>(folder_ / "tb", system_wall_time, start.epoch, start.batch);
  boards_->graph(summarise(*model.unet, set.height, set.width));
  boards_->text("config", start.epoch, "```\n" + options.config + "```");
}

template <typename Action>
void RunRecorder::try_to(const char* what, Action action) {
  try {
    action();
  } catch (const Error& error) {
    log_.warn(std::string(what) + ": " + error.what());
  }
}

void RunRecorder::batch(std::int64_t number, double loss) {
  if (boards_) boards_->batch(number, loss);
}

bool RunRecorder::is_sample_epoch(int epoch) const {
  const std::vector<int>& chosen = options_.sample_epochs;
  if (std::ranges::find(chosen, epoch) != chosen.end()) return true;
  return epoch % kEveryTenth == 0 && !chosen.empty() && epoch > std::ranges::max(chosen);
}

void RunRecorder::epoch(const TrainingResult& result) {
  if (!boards_) return;
  const EpochResult& r = result.history.back();
  if (r.epoch == 1) draw_augmented();
  if (is_sample_epoch(r.epoch)) {
    draw_predictions(r);
    draw_results(result);
  }
  if (options_.histograms) boards_->histograms(r.epoch, to_arrays(*model_.unet));
  try_to("TensorBoard", [&] { boards_->epoch(r); });
}

std::vector<Prediction> RunRecorder::predictions_of(std::span<const std::int32_t> images) const {
  return predict(context_, *model_.unet, resident_, images, options_.batch_size, model_.description.normalisation,
                 storage_type(options_.common.precision));
}

Panel RunRecorder::panel_of(const Prediction& p) const {
  const std::size_t pixels = static_cast<std::size_t>(set_.height) * static_cast<std::size_t>(set_.width);
  const auto at = static_cast<std::size_t>(p.image);
  return {set_.ids[at], std::span(set_.images).subspan(at * pixels * 3, pixels * 3),
          std::span(set_.labels).subspan(at * pixels, pixels), p.label, p.probability};
}

std::vector<std::uint8_t> RunRecorder::page(const std::string& heading, std::span<const Prediction> predictions) const {
  std::vector<Panel> rows;
  for (const Prediction& p : predictions) rows.push_back(panel_of(p));
  return draw_panels(heading, set_.height, set_.width, rows).png();
}

void RunRecorder::draw_predictions(const EpochResult& r) {
  try_to("the picture of the predictions", [&] {
    const std::vector<std::uint8_t> png = page(heading_of(r), predictions_of(shown_));
    std::filesystem::create_directories(folder_ / "samples");
    write_file(folder_ / "samples" / picture_name(r.epoch), png);
    boards_->panel("samples", r.epoch, png);
    drawn_.insert(r.epoch);
  });
}

/// What the training images look like to the network.
void RunRecorder::draw_augmented() {
  try_to("the sheet of training images", [&] {
    const std::vector<AugmentedImage> images =
        first_augmented(context_, resident_, split_.train, options_.seed, kAugmentedImages,
                        model_.description.normalisation, options_.augment);
    std::vector<Sample> samples;
    for (const AugmentedImage& image : images) {
      samples.push_back({set_.ids[static_cast<std::size_t>(image.image)], image.rgb, image.label});
    }
    std::filesystem::create_directories(folder_ / "samples");
    write_file(
        folder_ / "samples" / "augmented.png",
        draw_sheet("Training images as the network gets them in epoch 1", set_.height, set_.width, samples).png());
  });
}

void RunRecorder::draw_results(const TrainingResult& result) {
  try_to("the curves", [&] {
    const Canvas curves = draw_curves("Training and validation, epoch by epoch", plots_of(result));
    write_file(folder_ / "results.png", curves.png());
    write_file(folder_ / "results.svg", curves.svg());
  });
}

/// The validation images that the network is worst at, by IoU.
void RunRecorder::draw_worst(const TrainingResult& result) {
  std::vector<Prediction> predictions = predictions_of(split_.validation);
  std::vector<std::pair<double, std::size_t>> order;
  for (const Prediction& p : predictions) {
    const Panel panel = panel_of(p);
    order.emplace_back(iou_of({set_.width, set_.height, panel.truth, panel.prediction}), order.size());
  }
  std::ranges::sort(order);
  order.resize(std::min(order.size(), kWorstImages));
  std::vector<Prediction> worst;
  for (const auto& [iou, i] : order) worst.push_back(std::move(predictions[i]));
  const std::string heading =
      "The validation images with the lowest IoU, epoch " + std::to_string(result.history[result.best].epoch);
  write_file(folder_ / "samples" / "worst.png", page(heading, worst));
}

void RunRecorder::load_weights(const char* file) {
  const std::filesystem::path path = folder_ / "weights" / file;
  assign_arrays(*model_.unet, "", load_checkpoint(path).tensors, {}, path.string());
  model_.unet->fold();
}

void RunRecorder::finish(const TrainingResult& result) {
  if (!boards_) return;
  const EpochResult &last = result.history.back(), &best = result.history[result.best];
  try_to("the last pictures", [&] {
    if (!drawn_.contains(last.epoch)) {
      load_weights("last.safetensors");
      draw_predictions(last);
    }
    load_weights("best.safetensors");
    if (!drawn_.contains(best.epoch)) draw_predictions(best);
    draw_worst(result);
    boards_->flush();
  });
  draw_results(result);
  const ModelSummary summary = summarise(*model_.unet, set_.height, set_.width);
  try_to("the picture of the model", [&] {
    const Canvas picture = draw_model("U-Net with a MobileNetV2 encoder", summary);
    write_file(folder_ / "model.png", picture.png());
    write_file(folder_ / "model.svg", picture.svg());
  });
  try_to("the report", [&] {
    write_file(folder_ / "report.html",
               report_html({result, folder_, summary, picture_name(best.epoch), split_, set_, options_}));
  });
}

}  // namespace karyon
