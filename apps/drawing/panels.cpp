#include "apps/drawing/panels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "apps/drawing/marks.h"
#include "apps/images/picture.h"
#include "kernels/check.h"

namespace karyon {

namespace {

constexpr double kGap = 10, kHeadingLine = 34, kColumnLine = 60, kTop = 68;
constexpr double kCaptionHeight = 18, kRowGap = 10, kLegendHeight = 34;
constexpr std::size_t kSheetColumns = 6;

Picture picture_of(int height, int width, int channels, std::span<const std::uint8_t> pixels) {
  Picture picture(width, height, channels);
  KARYON_CHECK(pixels.size() == picture.pixels.size(), "an array of the page's height and width");
  std::copy(pixels.begin(), pixels.end(), picture.pixels.begin());
  return picture;
}

void set_pixel(Picture& picture, std::size_t index, Colour c) {
  const std::array<std::uint8_t, 3> pixel{c.red, c.green, c.blue};
  std::copy(pixel.begin(), pixel.end(), picture.pixels.begin() + static_cast<std::ptrdiff_t>(3 * index));
}

Picture mask_picture(int height, int width, std::span<const std::uint8_t> mask) {
  Picture picture(width, height, 3);
  KARYON_CHECK(mask.size() == picture.count(), "a mask of the page's height and width");
  for (std::size_t i = 0; i < mask.size(); ++i) set_pixel(picture, i, mask[i] != 0 ? kMaskForeground : kMaskBackground);
  return picture;
}

Colour heat_of(double probability) {
  if (!std::isfinite(probability)) return kNoValue;
  const double at = std::clamp(probability, 0.0, 1.0) * (kHeat.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(at), kHeat.size() - 2);
  const double share = at - static_cast<double>(below);
  const auto mix = [&](std::uint8_t from, std::uint8_t to) {
    return static_cast<std::uint8_t>(std::lround(from + share * (to - from)));
  };
  const Colour &a = kHeat[below], &b = kHeat[below + 1];
  return {mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue)};
}

Picture heat_picture(int height, int width, std::span<const float> probability) {
  Picture picture(width, height, 3);
  KARYON_CHECK(probability.size() == picture.count(), "probabilities of the page's height and width");
  for (std::size_t i = 0; i < probability.size(); ++i) {
    set_pixel(picture, i, heat_of(static_cast<double>(probability[i])));
  }
  return picture;
}

/// Cells of one size in columns over the page's width.
struct Grid {
  double cell_width, cell_height;

  Grid(std::size_t columns, int height, int width) {
    KARYON_CHECK(height > 0 && width > 0, "images with an extent");
    const auto count = static_cast<double>(columns);
    cell_width = (kPageWidth - 2 * kMargin - (count - 1) * kGap) / count;
    cell_height = cell_width * height / width;
  }
  [[nodiscard]] double row_height() const { return kCaptionHeight + cell_height + kRowGap; }
  /// The image's place, below its caption.
  [[nodiscard]] Rect cell(std::size_t row, std::size_t column, double top) const {
    return {kMargin + static_cast<double>(column) * (cell_width + kGap),
            top + static_cast<double>(row) * row_height() + kCaptionHeight, cell_width, cell_height};
  }
};

void draw_heading(Canvas& canvas, const std::string& heading) {
  canvas.text({kMargin, kHeadingLine}, canvas.shortened(heading, kPageWidth - 2 * kMargin, kHeading), kHeading);
}

/// A short line and its meaning; returns where the next one starts.
double legend_entry(Canvas& canvas, Point at, Colour colour, const std::string& text) {
  const Rect swatch{at.x, at.y - 10, 22, 13};
  canvas.box(swatch, kMaskBackground, 3);  // the outlines' usual ground
  canvas.line({swatch.x + 4, swatch.centre().y}, {swatch.right() - 4, swatch.centre().y}, colour, 2);
  canvas.text({swatch.right() + 7, at.y}, text, kBody);
  return swatch.right() + 7 + canvas.text_width(text, kBody) + 20;
}

/// The scale of the probabilities, its right end at `at`.
void heat_legend(Canvas& canvas, Point at) {
  constexpr int kSteps = 64;
  Picture scale(kSteps, 1, 3);
  for (int i = 0; i < kSteps; ++i) set_pixel(scale, static_cast<std::size_t>(i), heat_of(i / (kSteps - 1.0)));
  canvas.text(at, "1", aligned(kBody, Align::right));
  const Rect bar{at.x - 14 - 110, at.y - 9, 110, 11};
  canvas.bitmap(scale, bar, Sampling::smooth);
  canvas.text({bar.x - 6, at.y}, "probability of nucleus  0", aligned(kBody, Align::right));
}

void draw_panel(Canvas& canvas, int height, int width, const Panel& panel, const Grid& grid, std::size_t row,
                bool heat) {
  const Masks masks{width, height, panel.truth, panel.prediction};
  std::size_t column = 0;
  const auto next = [&] { return grid.cell(row, column++, kTop); };
  const Rect first = next();
  const Picture image = picture_of(height, width, 3, panel.image);
  canvas.bitmap(image, first, Sampling::smooth);
  canvas.bitmap(mask_picture(height, width, panel.truth), next(), Sampling::nearest);
  canvas.bitmap(mask_picture(height, width, panel.prediction), next(), Sampling::nearest);
  if (heat) canvas.bitmap(heat_picture(height, width, panel.probability), next(), Sampling::nearest);
  const Rect last = next();
  canvas.bitmap(image, last, Sampling::smooth);
  canvas.clipped(last, [&] { draw_agreement(canvas, last, masks); });

  std::array<char, 32> score{};
  std::snprintf(score.data(), score.size(), "IoU %.3f", iou_of(masks));
  canvas.text({last.right(), last.y - 5}, score.data(), aligned(coloured(kBody, kInk), Align::right));
  canvas.text({first.x, first.y - 5}, canvas.shortened(panel.id, 2 * first.width + kGap, kCaption), kCaption);
}

}  // namespace

Canvas draw_panels(const std::string& heading, int height, int width, const std::vector<Panel>& panels) {
  const bool heat = !panels.empty() && !panels.front().probability.empty();
  std::vector<std::string> columns{"Image", "Truth", "Prediction", "Overlay"};
  if (heat) columns.insert(columns.end() - 1, "Probability");
  const Grid grid(columns.size(), height, width);
  const double bottom = kTop + static_cast<double>(panels.size()) * grid.row_height();
  Canvas canvas(kPageWidth, bottom + kLegendHeight);
  draw_heading(canvas, heading);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    canvas.text({grid.cell(0, i, kTop).centre().x, kColumnLine}, columns[i], aligned(kTitle, Align::centre));
  }
  for (std::size_t row = 0; row < panels.size(); ++row) {
    draw_panel(canvas, height, width, panels[row], grid, row, heat);
  }
  const double line = bottom + 12;
  double x = legend_entry(canvas, {kMargin, line}, kTruth, "truth alone (missed)");
  x = legend_entry(canvas, {x, line}, kPrediction, "prediction alone (false)");
  legend_entry(canvas, {x, line}, kAgreement, "both");
  if (heat) heat_legend(canvas, {kPageWidth - kMargin, line});
  return canvas;
}

Canvas draw_sheet(const std::string& heading, int height, int width, const std::vector<Sample>& samples) {
  const Grid grid(kSheetColumns, height, width);
  const double top = kHeadingLine + 16;
  const std::size_t rows = (samples.size() + kSheetColumns - 1) / kSheetColumns;
  Canvas canvas(kPageWidth, top + static_cast<double>(rows) * grid.row_height() + kMargin - kRowGap);
  draw_heading(canvas, heading);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Rect cell = grid.cell(i / kSheetColumns, i % kSheetColumns, top);
    const Sample& sample = samples[i];
    canvas.bitmap(picture_of(height, width, 3, sample.image), cell, Sampling::smooth);
    KARYON_CHECK(sample.label.size() * 3 == sample.image.size(), "a label of the image's size");
    canvas.clipped(cell, [&] { draw_border(canvas, cell, width, height, sample.label, kTruth); });
    canvas.text({cell.x, cell.y - 5}, canvas.shortened(sample.id, cell.width, kCaption), kCaption);
  }
  return canvas;
}

}  // namespace karyon
