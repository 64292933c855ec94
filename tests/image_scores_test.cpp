// Scores against numbers worked out by hand, at the edges too.
#include "apps/inference/image_scores.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace karyon {
namespace {

/// A picture of one row.
LabelImage row_of(std::vector<std::uint32_t> labels) {
  LabelImage image(static_cast<int>(labels.size()), 1);
  image.count = *std::ranges::max_element(labels);
  image.labels = std::move(labels);
  return image;
}

using Labels = std::vector<std::uint32_t>;

ImageScores score(const std::string& id, Labels predicted, Labels truth) {
  return score_image(id, row_of(std::move(predicted)), row_of(std::move(truth)));
}

TEST(ImageScores, CountsPixels) {
  // 10 pixels: 3 common, 2 predicted alone, 1 true alone, 4 of neither.
  const ImageScores s = score("a", {1, 1, 1, 2, 2, 0, 0, 0, 0, 0}, {1, 1, 1, 0, 0, 2, 0, 0, 0, 0});
  EXPECT_DOUBLE_EQ(s.accuracy, 0.7);
  EXPECT_DOUBLE_EQ(s.iou, 3.0 / 6.0);
  EXPECT_DOUBLE_EQ(s.dice, 6.0 / 9.0);
  EXPECT_EQ(s.common, 3);
  EXPECT_EQ(s.predicted, 5);
  EXPECT_EQ(s.truth, 4);
  // Of the nuclei one fits, one is found where none is, one is missed.
  EXPECT_EQ(s.nuclei.at[0].hits, 1);
  EXPECT_EQ(s.nuclei.at[0].false_finds, 1);
  EXPECT_EQ(s.nuclei.at[0].missed, 1);
  EXPECT_DOUBLE_EQ(s.nuclei.dsb(), 1.0 / 3.0);
}

TEST(ImageScores, NothingAtAllIsRightAndAllAgainstNothingIsWrong) {
  const ImageScores none = score("a", {0, 0}, {0, 0});
  EXPECT_EQ(none.accuracy, 1);
  EXPECT_EQ(none.iou, 1);
  EXPECT_EQ(none.dice, 1);
  EXPECT_EQ(none.nuclei.dsb(), 1);
  const ImageScores all = score("a", {1, 1}, {1, 1});
  EXPECT_EQ(all.iou, 1);
  EXPECT_EQ(all.dice, 1);
  EXPECT_EQ(all.nuclei.dsb(), 1);
  for (const auto& [p, t] : {std::pair(Labels{1, 1}, Labels{0, 0}), std::pair(Labels{0, 0}, Labels{1, 1})}) {
    const ImageScores s = score("a", p, t);
    EXPECT_EQ(s.accuracy, 0);
    EXPECT_EQ(s.iou, 0);
    EXPECT_EQ(s.dice, 0);
    EXPECT_EQ(s.nuclei.dsb(), 0);
  }
}

TEST(ImageScores, OfAllImagesPixelsArePooledAndAccuracyIsTheMean) {
  const std::vector<ImageScores> scores = {
      score("small", {1, 0}, {0, 1}),                                       // iou 0, accuracy 0
      score("large", {1, 1, 1, 0, 0, 0, 0, 0}, {1, 1, 1, 1, 0, 0, 0, 0})};  // 3 of 4, 7 of 8
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
  return {score("good", {1, 0}, {1, 0}), score("b,ad", {1, 0}, {0, 1}), score("also bad", {1, 0}, {0, 0})};
}

TEST(ImageScores, TheFileHasTheWorstFirstAndAllLast) {
  const auto ten = [](const std::string& field) {
    std::string text;
    for (int k = 0; k < 10; ++k) text += "," + field;
    return text;
  };
  const std::string zeros = ",0.000000" + ten("0.000000") + ",0.000000,0.000000,0.000000,0.000000,";
  EXPECT_EQ(scores_csv(three()),
            "id,accuracy,iou,dice,dsb,ap50,ap55,ap60,ap65,ap70,ap75,ap80,ap85,ap90,ap95,map,precision,recall,f1,"
            "true_nuclei,found_nuclei\n"
            "also bad,0.500000,0.000000,0.000000" +
                zeros + "0,1\n\"b,ad\",0.000000,0.000000,0.000000" + zeros +
                "1,1\ngood,1.000000,1.000000,1.000000,1.000000" + ten("1.000000") +
                ",1.000000,1.000000,1.000000,1.000000,1,1\nALL,0.500000,0.250000,0.400000,0.333333" + ten("0.250000") +
                ",0.250000,0.333333,0.500000,0.400000,2,3\n");
}

TEST(ImageScores, TheTableSaysTheSame) {
  EXPECT_EQ(scores_table(three()),
            "image     accuracy     iou    dice     dsb    ap50\n"
            "also bad    0.5000  0.0000  0.0000  0.0000  0.0000\n"
            "b,ad        0.0000  0.0000  0.0000  0.0000  0.0000\n"
            "good        1.0000  1.0000  1.0000  1.0000  1.0000\n"
            "ALL         0.5000  0.2500  0.4000  0.3333  0.2500\n");
}

TEST(ImageScores, TheLinesSayTheSameOfAll) {
  EXPECT_EQ(scores_lines(total_scores(three())),
            "scored: 3\naccuracy: 0.5000\niou: 0.2500\ndice: 0.4000\nmean_iou: 0.3333\nmean_dice: 0.3333\n"
            "dsb: 0.3333\nap50: 0.2500\nmean_ap50: 0.3333\nmap: 0.2500\nprecision: 0.3333\nrecall: 0.5000\n"
            "f1: 0.4000\n");
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
    EXPECT_EQ(columns, 82U) << table;
  }
  EXPECT_NE(scores_csv(scores).find(hex), std::string::npos);  // the file keeps them whole
}

}  // namespace
}  // namespace karyon
