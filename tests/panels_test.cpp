// Prediction panels and sheets: every pixel where it belongs.
#include "apps/drawing/panels.h"

#include <cmath>

#include <gtest/gtest.h>

#include "apps/drawing/marks.h"
#include "tests/expect_error.h"
#include "tests/png_probe.h"
#include "tests/svg_reader.h"

namespace karyon {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr Colour kRed{255, 0, 0}, kBlue{0, 0, 255};

/// 2 x 2, red on the left and blue on the right, nuclei given pixel by pixel.
struct Example {
  Bytes image{255, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0, 255};
  Bytes truth{1, 0, 1, 0};
  Bytes prediction{255, 1, 0, 0};
  std::vector<float> probability{0.0F, 1.0F, NAN, 7.0F};

  [[nodiscard]] Panel panel(bool heat) const {
    return {"id", image, truth, prediction, heat ? std::span<const float>(probability) : std::span<const float>()};
  }
};

/// The places of the bitmaps in the SVG, in the order of drawing.
std::vector<Rect> bitmaps_of(const Canvas& canvas) {
  std::vector<Rect> places;
  const SvgReader reader(canvas.svg());
  for (const SvgElement& e : reader.elements()) {
    if (e.name == "image") places.push_back({e.number("x"), e.number("y"), e.number("width"), e.number("height")});
  }
  return places;
}

/// Within a picture of 2 x 2 pixels, the middle of one.
Point middle(Rect r, int y, int x) { return {r.x + r.width * (x + 0.5) / 2, r.y + r.height * (y + 0.5) / 2}; }

TEST(Panels, PutEveryArrayInItsColumn) {
  const Example example;
  const Canvas canvas = draw_panels("Epoch 10 - val accuracy 0.962", 2, 2, {example.panel(true)});
  const std::vector<Rect> places = bitmaps_of(canvas);
  ASSERT_EQ(places.size(), 7U);  // image, truth, prediction, probability, image again and its tint; the legend's scale
  const PngProbe png(canvas);
  for (const int column : {0, 4}) {
    SCOPED_TRACE(column);
    EXPECT_NEAR(png.at({places[column].x + 1, places[column].bottom() - 40})[0], 255, column == 0 ? 0 : 120);
  }
  EXPECT_EQ(png.at({places[0].right() - 2, places[0].y + 9}), rgb(kBlue));
  EXPECT_EQ(png.at({places[0].x + 2, places[0].y + 9}), rgb(kRed));
  const Rect truth = places[1], prediction = places[2], heat = places[3];
  for (int i = 0; i < 4; ++i) {
    SCOPED_TRACE(i);
    const auto at = static_cast<std::size_t>(i);
    EXPECT_EQ(png.at(middle(truth, i / 2, i % 2)), rgb(example.truth[at] ? kMaskForeground : kMaskBackground));
    EXPECT_EQ(png.at(middle(prediction, i / 2, i % 2)),
              rgb(example.prediction[at] ? kMaskForeground : kMaskBackground));
  }
  EXPECT_EQ(png.at(middle(heat, 0, 0)), rgb(kHeat.front()));
  EXPECT_EQ(png.at(middle(heat, 0, 1)), rgb(kHeat.back()));
  EXPECT_EQ(png.at(middle(heat, 1, 0)), rgb(kNoValue)) << "not a number";
  EXPECT_EQ(png.at(middle(heat, 1, 1)), rgb(kHeat.back())) << "held at 1";
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_EQ(places[i].y, places[0].y);
    EXPECT_GT(places[i].x, places[i - 1].right()) << "columns do not touch";
  }
}

TEST(Panels, TheOverlayShowsWhereTheTwoAgree) {
  const Example example;
  const Canvas canvas = draw_panels("", 2, 2, {example.panel(false)});
  const std::vector<Rect> places = bitmaps_of(canvas);
  ASSERT_EQ(places.size(), 5U);
  const Rect overlay = places[3];
  const PngProbe png(canvas);
  const Point centre = overlay.centre();
  // (0,0) in both, (0,1) predicted alone, (1,0) missed, (1,1) in neither.
  EXPECT_EQ(png.at({centre.x, overlay.y + 30}), rgb(kTruth)) << "truth ends there, prediction does not";
  EXPECT_EQ(png.at({overlay.x + 30, centre.y}), rgb(kPrediction));
  EXPECT_EQ(png.at({overlay.right() - 30, centre.y}), rgb(kPrediction));
  EXPECT_EQ(png.at({centre.x, overlay.bottom() - 30}), rgb(kTruth));
  const std::array<int, 3> agreed = png.at({overlay.x + 20, overlay.y + 20}), missed = png.at(middle(overlay, 1, 0));
  EXPECT_EQ(agreed, rgb(kRed)) << "the image itself";
  EXPECT_GT(missed[1], 50) << "tinted green";
  EXPECT_GT(png.at(middle(overlay, 0, 1))[0], png.at(middle(overlay, 1, 1))[0]) << "tinted magenta";
  EXPECT_EQ(png.at({overlay.x + 0.5, overlay.y + 20}), rgb(kRed)) << "the image's rim is no border";
}

TEST(Panels, BordersThatRunTogetherHaveTheirOwnColour) {
  const Bytes image(12, 0), mask{1, 0, 1, 0};
  const Canvas canvas = draw_panels("", 2, 2, {{"id", image, mask, mask, {}}});
  const std::vector<Rect> places = bitmaps_of(canvas);
  ASSERT_EQ(places.size(), 4U) << "nothing to tint";
  const Rect overlay = places[3];
  EXPECT_EQ(PngProbe(canvas).at(overlay.centre()), rgb(kAgreement));
}

TEST(Panels, TheScoreIsIoU) {
  const Bytes truth{1, 0, 1, 0}, prediction{9, 1, 0, 0}, none(4, 0);
  EXPECT_DOUBLE_EQ(iou_of({2, 2, truth, prediction}), 1.0 / 3);
  EXPECT_EQ(iou_of({2, 2, truth, truth}), 1);
  EXPECT_EQ(iou_of({2, 2, truth, none}), 0);
  EXPECT_EQ(iou_of({2, 2, none, none}), 1);
}

TEST(Panels, AreReadableWithLongNamesAndAnyShape) {
  const std::string id(200, 'W');
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 40}, {40, 10}, {33, 64}}) {
    const std::size_t size = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
    const Bytes image(3 * size, 99), mask(size, 1);
    const std::vector<float> probability(size, 0.5F);
    const Panel panel{id, image, mask, mask, probability};
    const Canvas canvas = draw_panels(id, height, width, {panel, panel});
    expect_readable(canvas.svg());
    const std::vector<Rect> places = bitmaps_of(canvas);
    EXPECT_NEAR(places[0].height / places[0].width, static_cast<double>(height) / width, 0.01 * height);
    expect_readable(draw_sheet(id, height, width, std::vector<Sample>(13, {id, image, mask})).svg());
  }
}

TEST(Panels, NoneIsAPageWithAHeading) {
  expect_readable(draw_panels("Epoch 1", 8, 8, {}).svg());
  expect_readable(draw_sheet("Samples", 8, 8, {}).svg());
}

TEST(Panels, SayTheirTexts) {
  const Example example;
  Panel panel = example.panel(true);
  panel.id = "a<b>";
  const std::vector<std::string> texts = SvgReader(draw_panels("Epoch 10", 2, 2, {panel}).svg()).texts();
  const std::vector<std::string> expected{"Epoch 10",
                                          "Image",
                                          "Truth",
                                          "Prediction",
                                          "Probability",
                                          "Overlay",
                                          "IoU 0.333",
                                          "a&lt;b&gt;",
                                          "truth alone (missed)",
                                          "prediction alone (false)",
                                          "both",
                                          "1",
                                          "probability of nucleus  0"};
  EXPECT_EQ(texts, expected);
  panel.probability = {};
  const std::vector<std::string> less = SvgReader(draw_panels("Epoch 10", 2, 2, {panel}).svg()).texts();
  EXPECT_EQ(less.size(), expected.size() - 3);
}

TEST(Panels, RefuseArraysOfAnotherSize) {
  const Example example;
  for (int which = 0; which < 4; ++which) {
    Panel panel = example.panel(true);
    if (which == 0) panel.image = panel.image.first(9);
    if (which == 1) panel.truth = panel.truth.first(3);
    if (which == 2) panel.prediction = panel.prediction.first(3);
    if (which == 3) panel.probability = panel.probability.first(3);
    expect_error(Exit::internal, "height and width", [&] { draw_panels("", 2, 2, {panel}); });
  }
  const std::span<const std::uint8_t> label = example.truth;
  expect_error(Exit::internal, "image's size", [&] { draw_sheet("", 2, 2, {{"", example.image, label.first(2)}}); });
  expect_error(Exit::internal, "extent", [&] { draw_panels("", 0, 2, {}); });
  const std::vector<Panel> many(200, example.panel(false));
  expect_error(Exit::usage, "fewer images", [&] { draw_panels("", 2, 2, many); });
}

TEST(Sheet, ShowsSamplesInRowsOfSixWithTheirOutlines) {
  const Bytes image(12, 0), label{1, 0, 1, 0};
  const std::vector<Sample> samples(8, {"name", image, label});
  const Canvas canvas = draw_sheet("Samples", 2, 2, samples);
  const std::vector<Rect> places = bitmaps_of(canvas);
  ASSERT_EQ(places.size(), 8U);
  EXPECT_EQ(places[5].y, places[0].y);
  EXPECT_GT(places[6].y, places[0].bottom());
  EXPECT_EQ(places[6].x, places[0].x);
  EXPECT_EQ(places[7].x, places[1].x);
  const PngProbe png(canvas);
  for (const Rect& r : places) {
    EXPECT_EQ(png.at(r.centre()), rgb(kTruth));
    EXPECT_EQ(png.at({r.x + 5, r.y + 5}), (std::array<int, 3>{0, 0, 0}));
  }
}

}  // namespace
}  // namespace karyon
