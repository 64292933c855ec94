// Scores of found nuclei against the truth, at each image's own size.
// Invariant: IoU and Dice are of the foreground's pixels and 1 where neither side has any; of all images together they
// come from pooled pixels, with the mean over images beside them; accuracy is the mean over images. The Data Science
// Bowl's score is a mean over images; AP at a threshold, precision, recall and F1 come from pooled nuclei
// (nuclei/matching.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/nuclei/matching.h"

namespace karyon {

struct ImageScores {
  std::string id;
  double accuracy = 0, iou = 0, dice = 0;
  std::int64_t common = 0, predicted = 0, truth = 0;  // foreground pixels
  NucleusScores nuclei;
};

/// Both of one size, not empty.
ImageScores score_image(const std::string& id, const LabelImage& predicted, const LabelImage& truth);

struct TotalScores {
  std::size_t images = 0;
  double accuracy = 0, iou = 0, dice = 0, mean_iou = 0, mean_dice = 0;
  TotalNucleusScores nuclei;
};
TotalScores total_scores(std::span<const ImageScores> scores);

/// scores.csv: id, accuracy, iou, dice, dsb, ap50 ... ap95, map (their mean), and at IoU 0.5 precision, recall, f1;
/// then true and found nuclei. A row an image, worst IoU first (then by id), and a last row ALL.
std::string scores_csv(std::vector<ImageScores> scores);
/// The most telling of these as an aligned table for the terminal: at most 82 columns wide, of long ids the beginning
/// and the end.
std::string scores_table(std::vector<ImageScores> scores);
/// The scores of all images as lines of "name: value".
std::string scores_lines(const TotalScores& all);

}  // namespace karyon
