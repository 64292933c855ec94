#include "apps/inference/image_scores.h"

#include <algorithm>
#include <cstdio>

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

void sort_worst_first(std::vector<ImageScores>& scores) {
  std::sort(scores.begin(), scores.end(),
            [](const ImageScores& a, const ImageScores& b) { return a.iou != b.iou ? a.iou < b.iou : a.id < b.id; });
}

}  // namespace

ImageScores score_image(const std::string& id, std::span<const std::uint8_t> predicted,
                        std::span<const std::uint32_t> truth) {
  KARYON_CHECK(predicted.size() == truth.size() && !truth.empty(), "prediction and truth differ in size");
  ImageScores s;
  s.id = id;
  std::int64_t equal = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const bool p = predicted[i] != 0, t = truth[i] != 0;
    equal += p == t ? 1 : 0;
    s.common += p && t ? 1 : 0;
    s.predicted += p ? 1 : 0;
    s.truth += t ? 1 : 0;
  }
  const auto common = static_cast<double>(s.common), on = static_cast<double>(s.predicted),
             wanted = static_cast<double>(s.truth);
  s.accuracy = static_cast<double>(equal) / static_cast<double>(truth.size());
  s.iou = iou_of(common, on, wanted);
  s.dice = dice_of(common, on, wanted);
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
  return total;
}

std::string scores_csv(std::vector<ImageScores> scores) {
  sort_worst_first(scores);
  std::string text = "id,accuracy,iou,dice\n";
  const auto row = [&](const std::string& id, double accuracy, double iou, double dice) {
    char numbers[96];
    std::snprintf(numbers, sizeof numbers, ",%.6f,%.6f,%.6f\n", accuracy, iou, dice);
    text += csv_field(id) + numbers;
  };
  for (const ImageScores& s : scores) row(s.id, s.accuracy, s.iou, s.dice);
  const TotalScores all = total_scores(scores);
  row("ALL", all.accuracy, all.iou, all.dice);
  return text;
}

std::string scores_table(std::vector<ImageScores> scores) {
  sort_worst_first(scores);
  std::size_t width = 5;
  for (const ImageScores& s : scores) width = std::max(width, characters(shown(s.id)));
  std::string text = "image" + std::string(width - 5, ' ') + "  accuracy     iou    dice\n";
  const auto row = [&](const std::string& name, double accuracy, double iou, double dice) {
    char numbers[64];
    std::snprintf(numbers, sizeof numbers, "  %8.4f %7.4f %7.4f\n", accuracy, iou, dice);
    text += name + std::string(width - characters(name), ' ') + numbers;
  };
  for (const ImageScores& s : scores) row(shown(s.id), s.accuracy, s.iou, s.dice);
  const TotalScores all = total_scores(scores);
  row("ALL", all.accuracy, all.iou, all.dice);
  return text;
}

}  // namespace karyon
