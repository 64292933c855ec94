// Scores against numbers worked out by hand, at the edges too.
#include "apps/inference/image_scores.h"

#include <gtest/gtest.h>

namespace karyon {
namespace {

using Mask = std::vector<std::uint8_t>;
using Nuclei = std::vector<std::uint32_t>;

TEST(ImageScores, CountsPixels) {
  // 10 pixels: 3 common, 2 predicted alone, 1 true alone, 4 of neither.
  const ImageScores s =
      score_image("a", Mask{255, 255, 255, 255, 255, 0, 0, 0, 0, 0}, Nuclei{1, 1, 1, 0, 0, 1, 0, 0, 0, 0});
  EXPECT_DOUBLE_EQ(s.accuracy, 0.7);
  EXPECT_DOUBLE_EQ(s.iou, 3.0 / 6.0);
  EXPECT_DOUBLE_EQ(s.dice, 6.0 / 9.0);
  EXPECT_EQ(s.common, 3);
  EXPECT_EQ(s.predicted, 5);
  EXPECT_EQ(s.truth, 4);
}

TEST(ImageScores, NothingAtAllIsRightAndAllAgainstNothingIsWrong) {
  const ImageScores none = score_image("a", Mask{0, 0}, Nuclei{0, 0});
  EXPECT_EQ(none.accuracy, 1);
  EXPECT_EQ(none.iou, 1);
  EXPECT_EQ(none.dice, 1);
  const ImageScores all = score_image("a", Mask{255, 255}, Nuclei{1, 1});
  EXPECT_EQ(all.iou, 1);
  EXPECT_EQ(all.dice, 1);
  for (const auto& [p, t] : {std::pair(Mask{255, 255}, Nuclei{0, 0}), std::pair(Mask{0, 0}, Nuclei{1, 1})}) {
    const ImageScores s = score_image("a", p, t);
    EXPECT_EQ(s.accuracy, 0);
    EXPECT_EQ(s.iou, 0);
    EXPECT_EQ(s.dice, 0);
  }
}

TEST(ImageScores, OfAllImagesPixelsArePooledAndAccuracyIsTheMean) {
  const std::vector<ImageScores> scores = {
      score_image("small", Mask{255, 0}, Nuclei{0, 1}),                                           // iou 0, accuracy 0
      score_image("large", Mask{255, 255, 255, 0, 0, 0, 0, 0}, Nuclei{1, 1, 1, 1, 0, 0, 0, 0})};  // 3 of 4, 7 of 8
  const TotalScores all = total_scores(scores);
  EXPECT_EQ(all.images, 2U);
  EXPECT_DOUBLE_EQ(all.accuracy, (0.0 + 7.0 / 8.0) / 2);
  EXPECT_DOUBLE_EQ(all.iou, 3.0 / 6.0);
  EXPECT_DOUBLE_EQ(all.dice, 6.0 / 9.0);
  EXPECT_DOUBLE_EQ(all.mean_iou, (0 + 0.75) / 2);
  EXPECT_DOUBLE_EQ(all.mean_dice, (0 + 6.0 / 7.0) / 2);
  EXPECT_EQ(total_scores({}).images, 0U);
}

std::vector<ImageScores> three() {
  return {score_image("good", Mask{255, 0}, Nuclei{1, 0}), score_image("b,ad", Mask{255, 0}, Nuclei{0, 1}),
          score_image("also bad", Mask{255, 0}, Nuclei{0, 0})};
}

TEST(ImageScores, TheFileHasTheWorstFirstAndAllLast) {
  EXPECT_EQ(scores_csv(three()),
            "id,accuracy,iou,dice\n"
            "also bad,0.500000,0.000000,0.000000\n"
            "\"b,ad\",0.000000,0.000000,0.000000\n"
            "good,1.000000,1.000000,1.000000\n"
            "ALL,0.500000,0.250000,0.400000\n");
}

TEST(ImageScores, TheTableSaysTheSame) {
  EXPECT_EQ(scores_table(three()),
            "image     accuracy     iou    dice\n"
            "also bad    0.5000  0.0000  0.0000\n"
            "b,ad        0.0000  0.0000  0.0000\n"
            "good        1.0000  1.0000  1.0000\n"
            "ALL         0.5000  0.2500  0.4000\n");
}

TEST(ImageScores, TheTableFitsATerminalWhateverTheIds) {
  const std::string hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  std::string umlauts;
  for (int i = 0; i < 50; ++i) umlauts += "\u00e4";
  std::vector<ImageScores> scores = three();
  scores[0].id = hex;
  scores[1].id = umlauts;
  scores[2].id = "two\nlines";
  const std::string table = scores_table(scores);
  EXPECT_NE(table.find("0123456789abcdef01234567...3456789abcdef"), std::string::npos) << table;
  EXPECT_NE(table.find("two?lines"), std::string::npos) << table;
  std::string cut;
  for (int i = 0; i < 24; ++i) cut += "\u00e4";
  cut += "...";
  for (int i = 0; i < 13; ++i) cut += "\u00e4";
  EXPECT_NE(table.find(cut + "  "), std::string::npos) << table;
  std::size_t begin = 0;
  for (std::size_t end = table.find('\n'); end != std::string::npos; begin = end + 1, end = table.find('\n', begin)) {
    std::size_t columns = 0;
    for (std::size_t i = begin; i < end; ++i) columns += (table[i] & 0xC0) != 0x80 ? 1 : 0;
    EXPECT_EQ(columns, 66U) << table;
  }
  EXPECT_NE(scores_csv(scores).find(hex), std::string::npos);  // the file keeps them whole
}

}  // namespace
}  // namespace karyon
