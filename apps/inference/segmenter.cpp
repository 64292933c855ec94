#include "apps/inference/segmenter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "apps/cli/csv.h"
#include "apps/cli/progress_bar.h"
#include "apps/data/workers.h"
#include "apps/images/overlay.h"
#include "apps/images/png.h"
#include "apps/images/resize.h"
#include "engine/files.h"

namespace karyon {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::uint8_t, 3> kPredictionColour{255, 210, 0};
constexpr const char* kExtension = ".png";
constexpr std::size_t kLongestName = 255;  // of a file, in bytes

/// One picture on its way through.
struct Job {
  std::optional<Example> example;  // empty when it could not be read
  std::optional<Error> failure;    // then why
  std::optional<ImageScores> scores;
  std::size_t foreground = 0;
};

struct Folders {
  fs::path masks, overlays, probabilities;  // the last is empty unless asked for
};

Picture grey_picture(const Picture& like, std::vector<std::uint8_t> pixels) {
  Picture picture;
  picture.width = like.width;
  picture.height = like.height;
  picture.channels = 1;
  picture.pixels = std::move(pixels);
  return picture;
}

/// Broken and unreadable files stay with their job. What ends the run, such as a lack of memory, does end it.
void read_example(Job& job, const Dataset& dataset, std::size_t index) {
  try {
    if (dataset.id(index).size() + std::string_view(kExtension).size() > kLongestName) {
      throw Error(Exit::bad_data, dataset.id(index) + ": the name is too long for a file of results; shorten it");
    }
    job.example = dataset.load_example(index);
  } catch (const Error& e) {
    if (e.code() != Exit::bad_data && e.code() != Exit::no_input && e.code() != Exit::io) throw;
    job.failure = e;
  }
}

void write_outputs(Job& job, const std::vector<float>& probability, double threshold, const Folders& folders) {
  Example& example = *job.example;
  const std::string file = example.id + kExtension;
  std::vector<std::uint8_t> mask(probability.size());
  std::transform(probability.begin(), probability.end(), mask.begin(),
                 [&](float p) { return static_cast<std::uint8_t>(static_cast<double>(p) >= threshold ? 255 : 0); });
  job.foreground = static_cast<std::size_t>(std::count(mask.begin(), mask.end(), 255));
  if (example.nuclei) job.scores = score_image(example.id, mask, *example.nuclei);
  if (!folders.probabilities.empty()) {
    std::vector<std::uint8_t> bytes(probability.size());
    std::transform(probability.begin(), probability.end(), bytes.begin(),
                   [](float p) { return static_cast<std::uint8_t>(std::lround(p * 255.0F)); });
    write_file(folders.probabilities / file, encode_png(grey_picture(example.image, std::move(bytes))));
  }
  draw_outline(example.image, mask, kPredictionColour);
  write_file(folders.overlays / file, encode_png(example.image));
  write_file(folders.masks / file, encode_png(grey_picture(example.image, std::move(mask))));
}

std::string summary_row(const Job& job) {
  const Picture& image = job.example->image;
  char numbers[96];
  std::snprintf(numbers, sizeof numbers, ",%d,%d,%zu,%.6f\n", image.width, image.height, job.foreground,
                static_cast<double>(job.foreground) / static_cast<double>(image.count()));
  return csv_field(job.example->id) + numbers;
}

/// A data set and the network, batch by batch.
class Segmenter {
 public:
  Segmenter(Predictor& predictor, const Dataset& dataset, const InferOptions& options, Folders folders)
      : predictor_(predictor),
        dataset_(dataset),
        threads_(options.common.threads),
        threshold_(options.threshold_given ? options.threshold : predictor.description().threshold),
        folders_(std::move(folders)),
        batch_size_(std::min(dataset.size(), static_cast<std::size_t>(options.batch_size))),
        small_(batch_size_ * image_bytes()) {
    for (int worker = 0; worker < threads_; ++worker) {
      streams_.push_back(std::make_unique<Stream>(Device{}, 1, memory_));
    }
  }

  /// The jobs of pictures first .. first + batch size - 1, their results on disk.
  std::vector<Job> batch(std::size_t first) {
    std::vector<Job> jobs(std::min(dataset_.size() - first, batch_size_));
    for_each_item(jobs.size(), threads_, {}, [&](std::size_t i, int worker) {
      read_example(jobs[i], dataset_, first + i);
      if (!jobs[i].example) return;
      resize_picture(stream(worker), jobs[i].example->image, predictor_.height(), predictor_.width(),
                     &small_[i * image_bytes()]);
    });
    std::vector<std::int32_t> ready;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (jobs[i].example) ready.push_back(static_cast<std::int32_t>(i));
    }
    if (ready.empty()) return jobs;
    const std::vector<float> probabilities = predictor_.probabilities(small_.data(), ready);
    for_each_item(ready.size(), threads_, {}, [&](std::size_t i, int worker) {
      Job& job = jobs[static_cast<std::size_t>(ready[i])];
      const Picture& image = job.example->image;
      const float* small = &probabilities[i * predictor_.pixels()];
      write_outputs(job, predictor_.at_size(stream(worker), small, image.height, image.width), threshold_, folders_);
    });
    return jobs;
  }
  [[nodiscard]] std::size_t batch_size() const { return batch_size_; }

 private:
  [[nodiscard]] std::size_t image_bytes() const { return predictor_.pixels() * 3; }
  Stream& stream(int worker) { return *streams_[static_cast<std::size_t>(worker)]; }

  Predictor& predictor_;
  const Dataset& dataset_;
  int threads_;
  double threshold_;
  Folders folders_;
  std::size_t batch_size_;
  std::vector<std::uint8_t> small_;  // a batch at the model's size
  Allocator memory_;
  std::vector<std::unique_ptr<Stream>> streams_;  // one a worker
};

}  // namespace

Segmentation segment(Predictor& predictor, const Dataset& dataset, const InferOptions& options, OutputFolder& folder,
                     Log& log) {
  Segmenter segmenter(predictor, dataset, options,
                      {folder.make_folder("masks"), folder.make_folder("overlays"),
                       options.save_prob ? folder.make_folder("prob") : fs::path()});
  Segmentation result;
  std::string summary = "id,width,height,nucleus_pixels,nucleus_share\n";
  ProgressBar bar(log, "Segmenting", static_cast<std::int64_t>(dataset.size()), "pictures");
  for (std::size_t first = 0; first < dataset.size(); first += segmenter.batch_size()) {
    for (const Job& job : segmenter.batch(first)) {
      bar.advance();
      if (job.failure) {
        if (dataset.size() > 1) log.warn(std::string("skipped: ") + job.failure->what());
        result.failures.push_back(*job.failure);
        continue;
      }
      for (const std::string& warning : job.example->warnings) log.warn(warning);
      ++result.done;
      summary += summary_row(job);
      if (job.scores) result.scores.push_back(*job.scores);
    }
  }
  if (result.done > 0) write_file(folder.path() / "summary.csv", summary);
  if (!result.scores.empty()) write_file(folder.path() / "scores.csv", scores_csv(result.scores));
  return result;
}

}  // namespace karyon
