// How well found nuclei match true ones: average precision and the Data Science Bowl's score.
// Invariant: counts come from integers alone, so an overlap at exactly the threshold is judged right. The two scores
// differ only there: AP counts a match from IoU >= t (StarDist's `matching`), the Bowl's from IoU > t. No nucleus is
// matched twice. Where there is neither truth nor prediction, every ratio is 1 (StarDist says 0).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "apps/nuclei/label_image.h"

namespace karyon {

/// IoU thresholds 0.50, 0.55, ... 0.95.
constexpr int kIouThresholds = 10;
constexpr double iou_threshold(int index) { return (10 + index) / 20.0; }

struct MatchCounts {
  std::int64_t hits = 0, false_finds = 0, missed = 0;  // TP, FP, FN

  [[nodiscard]] double precision() const;  // TP / (TP + FP)
  [[nodiscard]] double recall() const;     // TP / (TP + FN)
  [[nodiscard]] double f1() const;         // 2 TP / (2 TP + FP + FN)
  [[nodiscard]] double accuracy() const;   // TP / (TP + FP + FN): AP@t
};

struct Overlap {
  std::uint32_t truth = 0, predicted = 0;
  std::int64_t common = 0, either = 0;  // pixels of the intersection and of the union
  [[nodiscard]] double iou() const { return static_cast<double>(common) / static_cast<double>(either); }
};

/// Every pair of a true and a predicted nucleus that share a pixel, by truth and then by prediction.
std::vector<Overlap> overlaps(const LabelImage& truth, const LabelImage& predicted);

/// Scores of one picture, or of several pooled.
struct NucleusScores {
  std::array<MatchCounts, kIouThresholds> at;     // IoU >= t, for AP@t, precision, recall and F1
  std::array<MatchCounts, kIouThresholds> above;  // IoU > t
  /// The Data Science Bowl's: the mean over thresholds of above's accuracy.
  [[nodiscard]] double dsb() const;
  /// The mean of AP@t over the thresholds.
  [[nodiscard]] double mean_ap() const;
};

/// Both of the same size.
NucleusScores score_nuclei(const LabelImage& truth, const LabelImage& predicted);

struct TotalNucleusScores {
  std::size_t images = 0;
  /// Counts summed over all pictures: StarDist's matching_dataset, by_image=False.
  NucleusScores pooled;
  /// The Bowl's score: the mean over pictures. And the mean AP@t over pictures (by_image=True).
  double dsb = 0;
  std::array<double, kIouThresholds> mean_accuracy{};
};
TotalNucleusScores total_nucleus_scores(std::span<const NucleusScores> scores);

}  // namespace karyon
