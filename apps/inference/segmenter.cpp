#include "apps/inference/segmenter.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>

#include "apps/cli/csv.h"
#include "apps/cli/progress_bar.h"
#include "apps/data/workers.h"
#include "apps/inference/gallery.h"
#include "apps/inference/outputs.h"
#include "apps/nuclei/regions.h"
#include "apps/nuclei/rle.h"
#include "apps/nuclei/split.h"
#include "engine/files.h"

namespace karyon {

namespace {

constexpr std::size_t kLongestName = 255;        // of a file, in bytes
constexpr std::size_t kLargePicture = 1U << 24;  // pixels from which on a picture is taken alone
constexpr double kProgramMegabytes = 300;        // with its weights, and what libraries keep
constexpr double kNetworkMegabytes = 300;        // the activations of a batch of windows

/// One picture on its way through.
struct Job {
  std::string id;
  std::optional<Example> example;    // empty when it could not be read; its picture has moved on
  std::optional<EightBits> picture;  // until all is written
  ProbabilityMaps maps;              // until the nuclei are known
  std::optional<Error> failure;      // why it could not be read
  std::optional<ImageScores> scores;
  std::size_t nuclei = 0;
  std::string summary, table, kaggle;  // rows
  int channels = 1;                    // whose intensities the table's rows have
  std::string gallery;                 // a card
};

using Group = std::vector<Job>;

std::string summary_row(const std::string& id, const LabelImage& nuclei) {
  const auto pixels = nuclei.labels.size() - static_cast<std::size_t>(std::ranges::count(nuclei.labels, 0U));
  char numbers[160];
  std::snprintf(numbers, sizeof numbers, ",%d,%d,%u,%zu,%.6f,%.2f\n", nuclei.width, nuclei.height, nuclei.count, pixels,
                static_cast<double>(pixels) / static_cast<double>(nuclei.labels.size()),
                nuclei.count > 0 ? static_cast<double>(pixels) / nuclei.count : 0.0);
  return csv_field(id) + numbers;
}

/// Of a file named after a picture.
std::size_t longest_extension(const OutputChoice& choice) {
  return std::string(choice.geojson ? ".geojson" : ".png").size();
}

/// Decodes pictures, several at a time while they are small.
class Reader {
 public:
  Reader(const Dataset& dataset, const InferOptions& options) : dataset_(dataset), options_(options) {}

  /// The next few pictures; none at the end.
  Group next() {
    Group group;
    std::size_t pixels = 0;
    while (next_ < dataset_.size() && group.size() < static_cast<std::size_t>(options_.predict.batch_size) &&
           pixels < kLargePicture) {
      const std::size_t wave = std::min(dataset_.size() - next_, at_once_), first = group.size();
      group.resize(first + wave);
      for_each_item(wave, static_cast<int>(wave), {},
                    [&](std::size_t i, int /*worker*/) { read(group[first + i], next_ + i); });
      next_ += wave;
      std::size_t largest = 0;
      for (std::size_t i = first; i < group.size(); ++i) {
        const std::size_t count = group[i].picture ? group[i].picture->raw().count() : 0;
        largest = std::max(largest, count);
        pixels += count;
      }
      // The first picture comes alone, and so does what follows a large one.
      small_ = largest < kLargePicture;
      at_once_ = small_ ? static_cast<std::size_t>(options_.common.threads) : 1;
    }
    return group;
  }
  /// Whether the pictures are such that the next ones can be decoded while these are in memory.
  [[nodiscard]] bool may_read_ahead() const { return small_; }

 private:
  /// Broken and unreadable files stay with their job. What ends the run, such as a lack of memory, does end it.
  void read(Job& job, std::size_t index) const {
    job.id = dataset_.id(index);
    try {
      if (job.id.size() + longest_extension(options_.outputs) > kLongestName) {
        throw Error(Exit::bad_data, job.id + ": the name is too long for a file of results; shorten it");
      }
      job.example = dataset_.load_example(index);
      job.picture.emplace(std::move(job.example->image), options_.normalise);
    } catch (const Error& e) {
      if (e.code() != Exit::bad_data && e.code() != Exit::no_input && e.code() != Exit::io) throw;
      job.failure = e;
    }
  }

  const Dataset& dataset_;
  const InferOptions& options_;
  std::size_t next_ = 0, at_once_ = 1;
  bool small_ = false;
};

/// What is done with a picture behind the network.
class Finisher {
 public:
  Finisher(const Outputs& outputs, const SplitSettings& split, int threads)
      : outputs_(outputs), split_(split), threads_(threads) {}

  void operator()(Group& group) const {
    const bool alone = group.size() == 1;
    for_each_item(group.size(), threads_, {},
                  [&](std::size_t i, int /*worker*/) { finish(group[i], alone ? threads_ : 1); });
  }

 private:
  void finish(Job& job, int threads) const {
    if (!job.picture) return;
    const OutputChoice& choice = outputs_.choice();
    outputs_.write_probabilities(job.id, job.maps);
    const LabelImage nuclei =
        split_nuclei(job.maps.width, job.maps.height, job.maps.nucleus, job.maps.interior, split_, threads);
    job.maps = {};
    job.nuclei = nuclei.count;
    outputs_.write_nuclei(job.id, *job.picture, nuclei);
    job.summary = summary_row(job.id, nuclei);
    if (choice.table) {
      job.channels = job.picture->raw().channels;
      job.table = nuclei_csv_rows(job.id, measure_regions(nuclei, job.picture->raw()), job.channels, choice.pixel_size);
    }
    if (!choice.kaggle_csv.empty()) job.kaggle = kaggle_rows(job.id, nuclei);
    if (choice.gallery) job.gallery = gallery_card(job.id, *job.picture, nuclei);
    if (job.example->nuclei) {
      job.scores = score_image(job.id, nuclei, numbered(nuclei.width, nuclei.height, std::move(*job.example->nuclei)));
    }
    job.example->nuclei.reset();
    job.picture.reset();
  }

  const Outputs& outputs_;
  SplitSettings split_;
  int threads_;
};

/// What stands of a run in its folder beside the pictures' own files.
class Tables {
 public:
  Tables(Log& log, bool alone) : log_(log), alone_(alone) {}

  void add(const Group& group) {
    for (const Job& job : group) {
      if (job.failure) {
        if (!alone_) log_.warn(std::string("skipped: ") + job.failure->what());
        result.failures.push_back(*job.failure);
        continue;
      }
      for (const std::string& warning : job.example->warnings) log_.warn(warning);
      ++result.done;
      result.nuclei += job.nuclei;
      summary_ += job.summary;
      tables_.emplace_back(job.channels, job.table);
      kaggle_ += job.kaggle;
      gallery_ += job.gallery;
      if (job.scores) result.scores.push_back(*job.scores);
    }
  }

  void write(const std::filesystem::path& folder, const OutputChoice& choice) const {
    if (result.done == 0) return;
    write_file(folder / "summary.csv", "id,width,height,nuclei,nucleus_pixels,nucleus_share,mean_area\n" + summary_);
    if (choice.table) write_file(folder / "nuclei.csv", nuclei_table(choice.pixel_size));
    if (!choice.kaggle_csv.empty()) write_file(choice.kaggle_csv, std::string(kKaggleHeader) + kaggle_);
    if (choice.gallery) write_file(folder / "gallery.html", gallery_page(gallery_, result.done, result.nuclei));
    if (!result.scores.empty()) write_file(folder / "scores.csv", scores_csv(result.scores));
  }

  Segmentation result;

 private:
  /// The rows of grey pictures leave fields empty that those of colour pictures have.
  [[nodiscard]] std::string nuclei_table(double pixel_size) const {
    int most = 1;
    for (const auto& [channels, rows] : tables_) most = std::max(most, channels);
    std::string text = nuclei_csv_header(most, pixel_size);
    for (const auto& [channels, rows] : tables_) {
      const std::string missing(static_cast<std::size_t>(most - channels), ',');
      for (std::size_t begin = 0, end = 0; begin < rows.size(); begin = end + 1) {
        end = rows.find('\n', begin);
        text.append(rows, begin, end - begin).append(missing).append("\n");
      }
    }
    return text;
  }

  Log& log_;
  bool alone_;
  std::string summary_, kaggle_, gallery_;
  std::vector<std::pair<int, std::string>> tables_;  // channels and rows
};

/// What is said in advance of a picture that takes long and much.
void announce(const Job& job, const Predictor& predictor, const PredictSettings& settings, Log& log) {
  const RawPicture& raw = job.picture->raw();
  const double pixels = static_cast<double>(raw.count());
  const double planes = predictor.description().classes > 2 ? 2 : 1;
  // The network's memory is given back before there are labels.
  const double megabytes = 1e-6 * (static_cast<double>(raw.samples()) * raw.bits / 8 + pixels * planes) +
                           kProgramMegabytes + std::max(kNetworkMegabytes, 1e-6 * pixels * sizeof(std::uint32_t));
  const std::size_t windows = predictor.windows(raw.width, raw.height, settings);
  char text[160];
  std::snprintf(text, sizeof text, ": %d x %d pixels in %zu %s, at most about %.0f MB of memory", raw.width, raw.height,
                windows, windows == 1 ? "window" : "windows", megabytes);
  log.note(job.id + text);
}

/// The network over a group's pictures.
void predict(Predictor& predictor, Group& group, const PredictSettings& settings, const Predictor::Progress& progress) {
  std::vector<const EightBits*> pictures;
  for (const Job& job : group) {
    if (job.picture) pictures.push_back(&*job.picture);
  }
  std::vector<ProbabilityMaps> maps = predictor.predict(pictures, settings, progress);
  auto next = maps.begin();
  for (Job& job : group) {
    if (job.picture) job.maps = std::move(*next++);
  }
}

/// A picture alone is counted by its windows.
ProgressBar progress_bar(Log& log, const Dataset& dataset, const Group& first, const Predictor& predictor,
                         const PredictSettings& settings) {
  constexpr int seconds_between_lines = 10;
  const bool alone = dataset.size() == 1 && first.front().picture;
  const auto total = alone
                         ? predictor.windows(first.front().picture->width(), first.front().picture->height(), settings)
                         : dataset.size();
  return {log, "Segmenting", static_cast<std::int64_t>(total), alone ? "windows" : "images", seconds_between_lines};
}

/// The model's own settings but where the options say otherwise.
SplitSettings chosen_split(const InferOptions& options, const Checkpoint& model) {
  SplitSettings split = split_settings(model);
  if (options.threshold) split.threshold = static_cast<float>(*options.threshold);
  if (options.min_area) split.min_area = *options.min_area;
  if (options.fill_holes) split.fill_holes_below = *options.fill_holes;
  return split;
}

}  // namespace

Segmentation segment(Predictor& predictor, const Dataset& dataset, const InferOptions& options, OutputFolder& folder,
                     Log& log) {
  const Outputs outputs(folder, options.outputs);
  const Finisher finish(outputs, chosen_split(options, predictor.description()), options.common.threads);
  const bool alone = dataset.size() == 1;
  Reader reader(dataset, options);
  Tables tables(log, alone);
  Group group = reader.next(), before;
  ProgressBar bar = progress_bar(log, dataset, group, predictor, options.predict);
  std::future<void> finishing;
  const auto take_finished = [&] {
    if (!finishing.valid()) return;
    finishing.get();
    tables.add(before);
    if (!alone) bar.advance(static_cast<std::int64_t>(before.size()));
  };
  while (!group.empty()) {
    std::future<Group> ahead;
    if (reader.may_read_ahead()) ahead = std::async(std::launch::async, [&] { return reader.next(); });
    for (const Job& job : group) {
      if (job.picture && job.picture->raw().count() >= kLargePicture) announce(job, predictor, options.predict, log);
    }
    predict(predictor, group, options.predict, [&](std::size_t windows) {
      if (alone) bar.advance(static_cast<std::int64_t>(windows));
    });
    take_finished();
    before = std::move(group);
    finishing = std::async(std::launch::async, [&] { finish(before); });
    if (ahead.valid()) {
      group = ahead.get();
    } else {  // a large picture goes before the next one comes
      predictor.trim();
      take_finished();
      group = reader.next();
    }
  }
  take_finished();
  tables.write(folder.path(), options.outputs);
  return std::move(tables.result);
}

}  // namespace karyon
