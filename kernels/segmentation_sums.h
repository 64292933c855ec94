// The sums over all pixels that the segmentation loss is made of, and what follows from them. Internal to
// kernels/segmentation_loss.cpp and .cu.
// Invariant: the formulas of kernels/segmentation_loss.h, written down once for both devices, in double, which counts
// pixels exactly as well.
#pragma once

#include "kernels/softmax_xent.h"

namespace karyon {

constexpr int kSegmentationSums = 9;

struct SegmentationSums {
  static constexpr int kCross = 0;         // w[label] * cross-entropy
  static constexpr int kWeight = 1;        // w[label]
  static constexpr int kProbability = 2;   // f
  static constexpr int kIntersection = 3;  // f t
  static constexpr int kPixels = 4, kCorrect = 5, kTrueForeground = 6, kPredictedForeground = 7, kCommonForeground = 8;

  double of[kSegmentationSums] = {};

  /// weight: w[label]; loss: its cross-entropy; foreground: f.
  constexpr void add_pixel(int label, int predicted, float weight, float loss, float foreground) {
    of[kCross] += static_cast<double>(weight * loss);
    of[kWeight] += static_cast<double>(weight);
    of[kProbability] += static_cast<double>(foreground);
    of[kIntersection] += label > 0 ? static_cast<double>(foreground) : 0;
    of[kPixels] += 1;
    of[kCorrect] += predicted == label ? 1 : 0;
    of[kTrueForeground] += label > 0 ? 1 : 0;
    of[kPredictedForeground] += predicted > 0 ? 1 : 0;
    of[kCommonForeground] += label > 0 && predicted > 0 ? 1 : 0;
  }
  constexpr void add(const SegmentationSums& other) {
    for (int k = 0; k < kSegmentationSums; ++k) of[k] += other.of[k];
  }

  /// Dice is numerator / denominator.
  [[nodiscard]] constexpr double numerator() const { return 2 * of[kIntersection] + 1; }
  [[nodiscard]] constexpr double denominator() const { return of[kProbability] + of[kTrueForeground] + 1; }
  [[nodiscard]] constexpr double inverse_weight() const { return of[kWeight] > 0 ? 1 / of[kWeight] : 0; }
  /// What the caller is given: the counts, and loss * pixels.
  [[nodiscard]] constexpr XentCounts result(float dice_weight) const {
    const double dice = 1 - numerator() / denominator();
    const double loss = of[kCross] * inverse_weight() + static_cast<double>(dice_weight) * dice;
    return {loss * of[kPixels],
            static_cast<std::int64_t>(of[kPixels]),
            static_cast<std::int64_t>(of[kCorrect]),
            static_cast<std::int64_t>(of[kTrueForeground]),
            static_cast<std::int64_t>(of[kPredictedForeground]),
            static_cast<std::int64_t>(of[kCommonForeground])};
  }
};

/// What the gradient of a pixel takes from the sums.
struct SegmentationSlopes {
  float cross;                         // times w[label]
  float of_background, of_foreground;  // dice_weight * d(dice)/df where t is 0 and where it is 1

  constexpr SegmentationSlopes(const SegmentationSums& sums, float dice_weight)
      : cross(static_cast<float>(sums.inverse_weight())),
        of_background(static_cast<float>(static_cast<double>(dice_weight) * fall(sums))),
        of_foreground(static_cast<float>(static_cast<double>(dice_weight) * (fall(sums) - 2 / sums.denominator()))) {}

 private:
  static constexpr double fall(const SegmentationSums& sums) {
    return sums.numerator() / (sums.denominator() * sums.denominator());
  }
};

}  // namespace karyon
