#include "apps/training/tuning.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "apps/data/workers.h"
#include "apps/inference/calibration.h"
#include "apps/inference/predictor.h"
#include "apps/nuclei/split.h"

namespace karyon {

namespace {

constexpr std::size_t kMostPictures = 160;
constexpr std::size_t kMostPixels = std::size_t{1} << 26;
constexpr double kNoise = 0.002;  // of the score, from one choice to the next

constexpr float kThresholds[] = {0.3F, 0.35F, 0.4F, 0.45F, 0.5F, 0.55F, 0.6F, 0.65F, 0.7F};
constexpr float kMarkerThresholds[] = {0.3F, 0.4F, 0.5F, 0.6F, 0.7F, 0.8F, 0.9F};
constexpr int kMinAreas[] = {8, 16, 24, 32, 48};

struct Sample {
  ProbabilityMaps maps;
  LabelImage truth;
};

std::vector<Sample> predict_samples(Context& context, const Checkpoint& model, std::span<const std::int32_t> pictures,
                                    const LoadExample& load, int batch_size, RangeMeter& meter) {
  Predictor predictor(context, model, "the network", ElementType::f32);
  PredictSettings settings;
  settings.batch_size = batch_size;
  const std::size_t count = std::min(pictures.size(), kMostPictures);
  const std::size_t measured = (count + kCalibrationPictures - 1) / kCalibrationPictures;  // one of so many
  std::vector<Sample> samples;
  std::size_t pixels = 0;
  for (std::size_t i = 0; i < count && pixels < kMostPixels; ++i) {
    Example example = load(pictures[i * pictures.size() / count]);
    Sample& sample = samples.emplace_back();
    sample.truth = numbered(example.image.width, example.image.height, std::move(*example.nuclei));
    pixels += sample.truth.labels.size();
    const EightBits picture(std::move(example.image), Normalise::plain);
    const EightBits* one = &picture;
    predictor.observe(i % measured == 0 ? meter.observer() : Observer());
    sample.maps = std::move(predictor.predict({&one, 1}, settings)[0]);
  }
  return samples;
}

TotalScores score(const std::vector<Sample>& samples, const SplitSettings& split, int threads) {
  std::vector<ImageScores> scores(samples.size());
  for_each_item(samples.size(), threads, {}, [&](std::size_t i, int /*worker*/) {
    const ProbabilityMaps& maps = samples[i].maps;
    scores[i] =
        score_image("", split_nuclei(maps.width, maps.height, maps.nucleus, maps.interior, split, 1), samples[i].truth);
  });
  return total_scores(scores);
}

/// Climbs along one setting after the other.
class Search {
 public:
  Search(const std::vector<Sample>& samples, const SplitSettings& start, int threads)
      : samples_(samples), threads_(threads), best(start), scores(score(samples, start, threads)) {}

  template <typename Value, std::size_t N>
  void along(Value SplitSettings::*setting, const Value (&values)[N]) {
    for (const Value value : values) {
      SplitSettings tried = best;
      tried.*setting = value;
      const TotalScores got = score(samples_, tried, threads_);
      if (got.nuclei.dsb <= scores.nuclei.dsb + kNoise) continue;
      best = tried;
      scores = got;
    }
  }

 private:
  const std::vector<Sample>& samples_;
  int threads_;

 public:
  SplitSettings best;
  TotalScores scores;
};

}  // namespace

Tuning tune(Context& context, const Checkpoint& model, std::span<const std::int32_t> pictures, const LoadExample& load,
            int batch_size, int threads) {
  RangeMeter meter;
  const std::vector<Sample> samples = predict_samples(context, model, pictures, load, batch_size, meter);
  Search search(samples, split_settings(model), threads);
  search.along(&SplitSettings::threshold, kThresholds);
  if (model.classes > 2) search.along(&SplitSettings::marker_threshold, kMarkerThresholds);
  search.along(&SplitSettings::min_area, kMinAreas);
  search.along(&SplitSettings::threshold, kThresholds);
  Tuning tuning;
  // Rounded as they were written down, not as floats.
  tuning.threshold = std::round(1000 * static_cast<double>(search.best.threshold)) / 1000;
  tuning.marker_threshold = std::round(1000 * static_cast<double>(search.best.marker_threshold)) / 1000;
  tuning.min_area = search.best.min_area;
  tuning.scores = search.scores;
  tuning.activation_ranges = meter.ranges();
  return tuning;
}

}  // namespace karyon
