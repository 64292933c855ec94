#include "apps/inference/image_scores.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "apps/cli/csv.h"
#include "kernels/check.h"

namespace karyon {

namespace {

double iou_of(double common, double predicted, double truth) {
  const double either = predicted + truth - common;
  return either > 0 ? common / either : 1.0;
}

double dice_of(double common, double predicted, double truth) {
  return predicted + truth > 0 ? 2 * common / (predicted + truth) : 1.0;
}

bool continues_a_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

std::size_t characters(const std::string& utf8) {
  return utf8.size() - static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), continues_a_character));
}

/// An id as a terminal can show it: without control characters, and of a long one the beginning and the end.
std::string shown(const std::string& id) {
  constexpr std::size_t kHead = 24, kTail = 13;
  std::string text = id;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; }, '?');
  if (characters(text) <= kHead + 3 + kTail) return text;
  std::size_t head = 0, tail = text.size();
  for (std::size_t left = kHead + 1; left > 0; ++head) left -= continues_a_character(text[head]) ? 0 : 1;
  for (std::size_t left = kTail; left > 0;) left -= continues_a_character(text[--tail]) ? 0 : 1;
  return text.substr(0, head - 1) + "..." + text.substr(tail);
}

std::string number_field(double number, int places) {
  char text[32];
  std::snprintf(text, sizeof text, ",%.*f", places, number);
  return text;
}

void sort_worst_first(std::vector<ImageScores>& scores) {
  std::sort(scores.begin(), scores.end(),
            [](const ImageScores& a, const ImageScores& b) { return a.iou != b.iou ? a.iou < b.iou : a.id < b.id; });
}

}  // namespace

ImageScores score_image(const std::string& id, const LabelImage& predicted, const LabelImage& truth) {
  KARYON_CHECK(predicted.width == truth.width && predicted.height == truth.height && !truth.labels.empty(),
               "prediction and truth of one size");
  ImageScores s;
  s.id = id;
  std::int64_t equal = 0;
  for (std::size_t i = 0; i < truth.labels.size(); ++i) {
    const bool p = predicted.labels[i] != 0, t = truth.labels[i] != 0;
    equal += p == t ? 1 : 0;
    s.common += p && t ? 1 : 0;
    s.predicted += p ? 1 : 0;
    s.truth += t ? 1 : 0;
  }
  const auto common = static_cast<double>(s.common), on = static_cast<double>(s.predicted),
             wanted = static_cast<double>(s.truth);
  s.accuracy = static_cast<double>(equal) / static_cast<double>(truth.labels.size());
  s.iou = iou_of(common, on, wanted);
  s.dice = dice_of(common, on, wanted);
  s.nuclei = score_nuclei(truth, predicted);
  return s;
}

TotalScores total_scores(std::span<const ImageScores> scores) {
  TotalScores total;
  total.images = scores.size();
  if (scores.empty()) return total;
  double common = 0, predicted = 0, truth = 0;
  for (const ImageScores& s : scores) {
    common += static_cast<double>(s.common);
    predicted += static_cast<double>(s.predicted);
    truth += static_cast<double>(s.truth);
    total.accuracy += s.accuracy;
    total.mean_iou += s.iou;
    total.mean_dice += s.dice;
  }
  const auto n = static_cast<double>(scores.size());
  total.accuracy /= n;
  total.mean_iou /= n;
  total.mean_dice /= n;
  total.iou = iou_of(common, predicted, truth);
  total.dice = dice_of(common, predicted, truth);
  std::vector<NucleusScores> nuclei;
  for (const ImageScores& each : scores) nuclei.push_back(each.nuclei);
  total.nuclei = total_nucleus_scores(nuclei);
  return total;
}

std::string scores_csv(std::vector<ImageScores> scores) {
  sort_worst_first(scores);
  std::string text = "id,accuracy,iou,dice,dsb";
  for (int k = 0; k < kIouThresholds; ++k) text += ",ap" + std::to_string(std::lround(100 * iou_threshold(k)));
  text += ",map,precision,recall,f1,true_nuclei,found_nuclei\n";
  const auto row = [&](const std::string& id, double accuracy, double iou, double dice, double dsb,
                       const NucleusScores& n) {
    text += csv_field(id);
    std::vector<double> numbers{accuracy, iou, dice, dsb};
    for (const MatchCounts& counts : n.at) numbers.push_back(counts.accuracy());
    const MatchCounts& half = n.at[0];
    for (const double number : {n.mean_ap(), half.precision(), half.recall(), half.f1()}) numbers.push_back(number);
    for (const double number : numbers) text += number_field(number, 6);
    text += "," + std::to_string(half.hits + half.missed) + "," + std::to_string(half.hits + half.false_finds) + "\n";
  };
  for (const ImageScores& s : scores) row(s.id, s.accuracy, s.iou, s.dice, s.nuclei.dsb(), s.nuclei);
  const TotalScores all = total_scores(scores);
  row("ALL", all.accuracy, all.iou, all.dice, all.nuclei.dsb, all.nuclei.pooled);
  return text;
}

std::string scores_table(std::vector<ImageScores> scores) {
  sort_worst_first(scores);
  std::size_t width = 5;
  for (const ImageScores& s : scores) width = std::max(width, characters(shown(s.id)));
  std::string text = "image" + std::string(width - 5, ' ') + "  accuracy     iou    dice     dsb    ap50\n";
  const auto row = [&](const std::string& name, double accuracy, double iou, double dice, double dsb, double ap50) {
    char numbers[96];
    std::snprintf(numbers, sizeof numbers, "  %8.4f %7.4f %7.4f %7.4f %7.4f\n", accuracy, iou, dice, dsb, ap50);
    text += name + std::string(width - characters(name), ' ') + numbers;
  };
  for (const ImageScores& s : scores) {
    row(shown(s.id), s.accuracy, s.iou, s.dice, s.nuclei.dsb(), s.nuclei.at[0].accuracy());
  }
  const TotalScores all = total_scores(scores);
  row("ALL", all.accuracy, all.iou, all.dice, all.nuclei.dsb, all.nuclei.pooled.at[0].accuracy());
  return text;
}

std::string scores_lines(const TotalScores& all) {
  const NucleusScores& n = all.nuclei.pooled;
  std::string text = "scored: " + std::to_string(all.images) + "\n";
  const std::pair<const char*, double> numbers[] = {
      {"accuracy", all.accuracy},   {"iou", all.iou},
      {"dice", all.dice},           {"mean_iou", all.mean_iou},
      {"mean_dice", all.mean_dice}, {"dsb", all.nuclei.dsb},
      {"ap50", n.at[0].accuracy()}, {"mean_ap50", all.nuclei.mean_accuracy[0]},
      {"map", n.mean_ap()},         {"precision", n.at[0].precision()},
      {"recall", n.at[0].recall()}, {"f1", n.at[0].f1()}};
  for (const auto& [name, value] : numbers) {
    char line[64];
    std::snprintf(line, sizeof line, "%s: %.4f\n", name, value);
    text += line;
  }
  return text;
}

}  // namespace karyon
