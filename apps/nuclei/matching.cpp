#include "apps/nuclei/matching.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "kernels/check.h"

namespace karyon {

namespace {

double ratio(std::int64_t part, std::int64_t all, const MatchCounts& counts) {
  if (counts.hits + counts.false_finds + counts.missed == 0) return 1;
  return counts.hits > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0;
}

std::vector<std::int64_t> areas_of(const LabelImage& image) {
  std::vector<std::int64_t> areas(static_cast<std::size_t>(image.count) + 1);
  for (const std::uint32_t label : image.labels) ++areas.at(label);
  return areas;
}

std::int64_t nuclei_of(const std::vector<std::int64_t>& areas) {
  return std::count_if(areas.begin() + 1, areas.end(), [](std::int64_t area) { return area > 0; });
}

/// Pixels that each pair shares; a pair is truth in the upper half of the key, prediction in the lower.
std::unordered_map<std::uint64_t, std::int64_t> shared_pixels(const LabelImage& truth, const LabelImage& predicted) {
  std::unordered_map<std::uint64_t, std::int64_t> shared;
  for (std::size_t i = 0; i < truth.labels.size();) {
    const std::uint32_t t = truth.labels[i], p = predicted.labels[i];
    const std::size_t begin = i;
    while (i < truth.labels.size() && truth.labels[i] == t && predicted.labels[i] == p) ++i;
    if (t != 0 && p != 0) shared[std::uint64_t{t} << 32U | p] += static_cast<std::int64_t>(i - begin);
  }
  return shared;
}

/// From IoU 1/2 on the pairs are a matching already, but for IoU of exactly 1/2: there one nucleus may be covered by
/// two halves. Such pairs form stars (two halves have no other partner), so taking each pair whose two are still free
/// gives the largest matching there is.
MatchCounts count_matches(std::span<const Overlap> pairs, std::int64_t true_nuclei, std::int64_t predicted_nuclei,
                          int index, bool above) {
  std::unordered_set<std::uint32_t> truths, predictions;
  MatchCounts counts;
  for (const Overlap& pair : pairs) {
    const std::int64_t excess = 20 * pair.common - (10 + index) * pair.either;  // its sign is that of IoU - t
    if (above ? excess <= 0 : excess < 0) continue;
    if (truths.contains(pair.truth) || predictions.contains(pair.predicted)) continue;
    ++counts.hits;
    if (excess == 0 && index == 0) {
      truths.insert(pair.truth);
      predictions.insert(pair.predicted);
    }
  }
  counts.false_finds = predicted_nuclei - counts.hits;
  counts.missed = true_nuclei - counts.hits;
  return counts;
}

double mean_accuracy(const std::array<MatchCounts, kIouThresholds>& counts) {
  double sum = 0;
  for (const MatchCounts& at : counts) sum += at.accuracy();
  return sum / kIouThresholds;
}

void add(const MatchCounts& more, MatchCounts& sum) {
  sum.hits += more.hits;
  sum.false_finds += more.false_finds;
  sum.missed += more.missed;
}

}  // namespace

double MatchCounts::precision() const { return ratio(hits, hits + false_finds, *this); }
double MatchCounts::recall() const { return ratio(hits, hits + missed, *this); }
double MatchCounts::f1() const { return ratio(2 * hits, 2 * hits + false_finds + missed, *this); }
double MatchCounts::accuracy() const { return ratio(hits, hits + false_finds + missed, *this); }

std::vector<Overlap> overlaps(const LabelImage& truth, const LabelImage& predicted) {
  KARYON_CHECK(truth.width == predicted.width && truth.height == predicted.height, "two pictures of one size");
  const std::vector<std::int64_t> truth_areas = areas_of(truth), predicted_areas = areas_of(predicted);
  std::vector<Overlap> pairs;
  for (const auto& [key, common] : shared_pixels(truth, predicted)) {
    const auto t = static_cast<std::uint32_t>(key >> 32U), p = static_cast<std::uint32_t>(key);
    pairs.push_back({t, p, common, truth_areas[t] + predicted_areas[p] - common});
  }
  std::sort(pairs.begin(), pairs.end(), [](const Overlap& a, const Overlap& b) {
    return a.truth != b.truth ? a.truth < b.truth : a.predicted < b.predicted;
  });
  return pairs;
}

double NucleusScores::dsb() const { return mean_accuracy(above); }
double NucleusScores::mean_ap() const { return mean_accuracy(at); }

NucleusScores score_nuclei(const LabelImage& truth, const LabelImage& predicted) {
  const std::vector<Overlap> pairs = overlaps(truth, predicted);
  const std::int64_t true_nuclei = nuclei_of(areas_of(truth)), predicted_nuclei = nuclei_of(areas_of(predicted));
  NucleusScores scores;
  for (int t = 0; t < kIouThresholds; ++t) {
    scores.at[static_cast<std::size_t>(t)] = count_matches(pairs, true_nuclei, predicted_nuclei, t, false);
    scores.above[static_cast<std::size_t>(t)] = count_matches(pairs, true_nuclei, predicted_nuclei, t, true);
  }
  return scores;
}

TotalNucleusScores total_nucleus_scores(std::span<const NucleusScores> scores) {
  TotalNucleusScores total;
  total.images = scores.size();
  for (const NucleusScores& image : scores) {
    total.dsb += image.dsb() / static_cast<double>(scores.size());
    for (std::size_t t = 0; t < kIouThresholds; ++t) {
      add(image.at[t], total.pooled.at[t]);
      add(image.above[t], total.pooled.above[t]);
      total.mean_accuracy[t] += image.at[t].accuracy() / static_cast<double>(scores.size());
    }
  }
  return total;
}

}  // namespace karyon
