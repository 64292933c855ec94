#include "apps/inference/segmenter.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "apps/cli/csv.h"
#include "apps/cli/progress_bar.h"
#include "apps/data/workers.h"
#include "apps/images/overlay.h"
#include "apps/images/png.h"
#include "engine/files.h"

namespace karyon {

namespace {

constexpr std::array<std::uint8_t, 3> kPredictionColour{255, 210, 0};

/// What one picture needs on its way through.
struct Job {
  std::optional<Example> example;
  std::vector<float> probability;
  std::optional<ImageScores> scores;
  std::size_t foreground = 0;
  std::string failure;
  Exit failure_code = Exit::done;
};

Picture grey_picture(const Picture& like, std::vector<std::uint8_t> pixels) {
  Picture picture;
  picture.width = like.width;
  picture.height = like.height;
  picture.channels = 1;
  picture.pixels = std::move(pixels);
  return picture;
}

void write_outputs(Job& job, double threshold, bool save_prob, const std::filesystem::path& folder) {
  Example& example = *job.example;
  const std::string file = example.id + ".png";
  std::vector<std::uint8_t> mask(job.probability.size());
  for (std::size_t i = 0; i < mask.size(); ++i) {
    mask[i] = static_cast<double>(job.probability[i]) >= threshold ? 255 : 0;
  }
  job.foreground = static_cast<std::size_t>(std::count(mask.begin(), mask.end(), 255));
  if (example.truth) job.scores = score_image(example.id, mask, *example.truth);
  if (save_prob) {
    std::vector<std::uint8_t> bytes(job.probability.size());
    std::transform(job.probability.begin(), job.probability.end(), bytes.begin(),
                   [](float p) { return static_cast<std::uint8_t>(std::lround(p * 255.0F)); });
    write_file(folder / "prob" / file, encode_png(grey_picture(example.image, std::move(bytes))));
  }
  draw_outline(example.image, mask, kPredictionColour);
  write_file(folder / "overlays" / file, encode_png(example.image));
  write_file(folder / "masks" / file, encode_png(grey_picture(example.image, std::move(mask))));
}

std::string summary_row(const Job& job) {
  const Picture& image = job.example->image;
  char numbers[96];
  std::snprintf(numbers, sizeof numbers, ",%d,%d,%zu,%.6f\n", image.width, image.height, job.foreground,
                static_cast<double>(job.foreground) / static_cast<double>(image.count()));
  return csv_field(job.example->id) + numbers;
}

/// Runs `work`, keeping its Error with the job instead of letting it end the run. A full disk does end it.
template <class Work>
void guarded(Job& job, const Work& work) {
  try {
    work();
  } catch (const Error& e) {
    if (e.code() != Exit::bad_data && e.code() != Exit::no_input && e.code() != Exit::io) throw;
    job.failure = e.what();
    job.failure_code = e.code();
    job.example.reset();
  }
}

}  // namespace

Segmentation segment(Predictor& predictor, const Dataset& dataset, const InferOptions& options,
                     const std::filesystem::path& folder, Log& log) {
  const double threshold = options.threshold_given ? options.threshold : predictor.description().threshold;
  for (const char* name : {"masks", "overlays"}) std::filesystem::create_directories(folder / name);
  if (options.save_prob) std::filesystem::create_directories(folder / "prob");
  Segmentation result;
  std::string summary = "id,width,height,nucleus_pixels,nucleus_share\n";
  ProgressBar bar(log, "Segmenting", static_cast<std::int64_t>(dataset.size()), "pictures");
  for (std::size_t first = 0; first < dataset.size(); first += static_cast<std::size_t>(options.batch_size)) {
    std::vector<Job> jobs(std::min(dataset.size() - first, static_cast<std::size_t>(options.batch_size)));
    for_each_item(jobs.size(), options.common.threads, {}, [&](std::size_t i, int) {
      guarded(jobs[i], [&] { jobs[i].example = dataset.load_example(first + i); });
    });
    std::vector<const Picture*> pictures;
    std::vector<Job*> ready;
    for (Job& job : jobs) {
      if (!job.example) continue;
      pictures.push_back(&job.example->image);
      ready.push_back(&job);
    }
    if (!pictures.empty()) {
      auto probabilities = predictor.probabilities(pictures);
      for (std::size_t i = 0; i < ready.size(); ++i) ready[i]->probability = std::move(probabilities[i]);
    }
    for_each_item(ready.size(), options.common.threads, {},
                  [&](std::size_t i, int) { write_outputs(*ready[i], threshold, options.save_prob, folder); });
    for (const Job& job : jobs) {
      bar.advance();
      if (!job.example) {
        log.warn("skipped: " + job.failure);
        result.failures.push_back(job.failure);
        if (result.first_failure == Exit::done) result.first_failure = job.failure_code;
        continue;
      }
      for (const std::string& warning : job.example->warnings) log.warn(warning);
      ++result.done;
      summary += summary_row(job);
      if (job.scores) result.scores.push_back(*job.scores);
    }
  }
  write_file(folder / "summary.csv", summary);
  if (!result.scores.empty()) write_file(folder / "scores.csv", scores_csv(result.scores));
  return result;
}

}  // namespace karyon
