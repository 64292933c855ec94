// Scores of predicted masks against the truth, at each image's own size.
// Invariant: IoU and Dice are of the foreground and 1 where neither side has any; of all images together they come from
// pooled pixels, with the mean over images beside them; accuracy is the mean over images.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace karyon {

struct ImageScores {
  std::string id;
  double accuracy = 0, iou = 0, dice = 0;
  std::int64_t common = 0, predicted = 0, truth = 0;  // foreground pixels
};

/// Both masks: 0 background, else foreground; equal sizes, not empty.
ImageScores score_image(const std::string& id, std::span<const std::uint8_t> predicted,
                        std::span<const std::uint32_t> truth);

struct TotalScores {
  std::size_t images = 0;
  double accuracy = 0, iou = 0, dice = 0, mean_iou = 0, mean_dice = 0;
};
TotalScores total_scores(std::span<const ImageScores> scores);

/// scores.csv: a row an image, worst IoU first (then by id), and a last row ALL.
std::string scores_csv(std::vector<ImageScores> scores);
/// The same as an aligned table for the terminal: at most 66 columns wide, of long ids the beginning and the end.
std::string scores_table(std::vector<ImageScores> scores);

}  // namespace karyon
