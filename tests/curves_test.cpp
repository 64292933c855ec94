// Axes with round numbers, and plots of any history.
#include "apps/drawing/curves.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "apps/drawing/axis.h"
#include "tests/png_probe.h"
#include "tests/svg_reader.h"

namespace karyon {
namespace {

using Labels = std::vector<std::string>;

TEST(Axis, TicksAreRoundAndWithinTheRange) {
  EXPECT_EQ(round_ticks({0, 1}, 5).labels, (Labels{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
  EXPECT_EQ(round_ticks({0.93, 0.97}, 4).labels, (Labels{"0.93", "0.94", "0.95", "0.96", "0.97"}));
  EXPECT_EQ(round_ticks({-0.3, 0.3}, 3).labels, (Labels{"-0.2", "0.0", "0.2"}));
  EXPECT_EQ(round_ticks({1, 100}, 8, 1).labels, (Labels{"20", "40", "60", "80", "100"}));
  EXPECT_EQ(round_ticks({0.9, 3.1}, 8, 1).labels, (Labels{"1", "2", "3"}));
  EXPECT_EQ(round_ticks({0.5, 1.5}, 8, 1).labels, (Labels{"1"}));
  EXPECT_EQ(round_ticks({0, 25000}, 3).labels, (Labels{"0", "10000", "20000"}));
  EXPECT_EQ(round_ticks({0, 3e-6}, 3).labels, (Labels{"0", "1e-6", "2e-6", "3e-6"}));
  EXPECT_EQ(round_ticks({9.8e-6, 1.01e-5}, 3).labels, (Labels{"9.8e-6", "9.9e-6", "1.00e-5", "1.01e-5"}));
  EXPECT_EQ(round_ticks({0.6, 1.9}, 2).labels, (Labels{"1.0", "1.5"})) << "1 alone would be no axis";
  EXPECT_EQ(round_ticks({0, 4e8}, 2).labels, (Labels{"0", "2e8", "4e8"}));
}

TEST(Axis, LabelsDifferWhateverTheRange) {
  for (const double low : {-1e9, -3.0, 0.0, 1e-12, 0.7, 0.9999, 123456.0}) {
    for (const double extent : {1e-4, 0.013, 0.37, 1.0, 7.0, 9876.0}) {
      const double size = std::max(std::abs(low), 1.0);
      const Range range{low, low + extent * size};
      const Ticks ticks = round_ticks(range, 5);
      EXPECT_GE(ticks.values.size(), 2U) << low << " " << extent;
      EXPECT_LE(ticks.values.size(), 10U) << low << " " << extent;
      EXPECT_EQ(std::set<std::string>(ticks.labels.begin(), ticks.labels.end()).size(), ticks.values.size());
      for (std::size_t i = 0; i < ticks.values.size(); ++i) {
        EXPECT_GE(ticks.values[i], range.low - 1e-6 * extent * size);
        EXPECT_LE(ticks.values[i], range.high + 1e-6 * extent * size);
        EXPECT_NEAR(std::stod(ticks.labels[i]), ticks.values[i], 1e-3 * extent * size) << ticks.labels[i];
      }
    }
  }
}

TEST(Axis, RangesOfFiniteValues) {
  const std::vector<std::vector<double>> series{{NAN, 2}, {}, {INFINITY, 5, 3}};
  EXPECT_EQ(range_of(series).low, 2);
  EXPECT_EQ(range_of(series).high, 5);
  EXPECT_EQ(range_of({}).high, 1);
  EXPECT_EQ(padded({0.25, 0.25}).low, 0) << "a constant has a range around it";
  EXPECT_EQ(padded({0.25, 0.25}).high, 0.5);
  EXPECT_EQ(padded({-2, -2}).low, -4);
  EXPECT_NEAR(padded({0.5, 0.5001}).low, 0.495, 1e-5) << "next to nothing is not shown as a leap";
  EXPECT_GT(padded({0, 0}).high, 0);
  EXPECT_NEAR(padded({0, 1}).high, 1.05, 1e-12);
}

/// `epochs` values from 0.5 upwards, training above validation.
CurvePlot plot_of(int epochs, int best) {
  CurvePlot plot{"Accuracy", "of pixels", {{"training", {}}, {"validation", {}}}, best};
  for (int i = 0; i < epochs; ++i) {
    plot.curves[0].values.push_back(0.6 + 0.3 * i / (epochs + 1));
    plot.curves[1].values.push_back(0.5 + 0.3 * i / (epochs + 1));
  }
  return plot;
}

bool has_text(const SvgReader& reader, const std::string& text) {
  const std::vector<std::string> texts = reader.texts();
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

TEST(Curves, ShowTitlesLegendAndTheBestValue) {
  CurvePlot loss = plot_of(3, 0);
  loss.title = "Loss <log>";
  const Canvas canvas = draw_curves("Training & validation", {plot_of(3, 2), loss});
  const SvgReader reader(canvas.svg());
  for (const char* text : {"Training &amp; validation", "Accuracy", "of pixels", "Loss &lt;log&gt;", "training",
                           "validation", "epoch", "1", "2", "3", "0.575 at epoch 2"}) {
    EXPECT_TRUE(has_text(reader, text)) << text;
  }
  const PngProbe png(canvas);
  EXPECT_EQ(png.picture().width, 1800);
  EXPECT_GT(png.count(kTraining), 500);
  EXPECT_GT(png.count(kValidation), 500);
  expect_readable(canvas.svg());
}

TEST(Curves, AreReadableForAnyNumberOfEpochs) {
  for (const int epochs : {0, 1, 2, 3, 20, 21, 100, 5000}) {
    SCOPED_TRACE(epochs);
    const Canvas canvas = draw_curves("run", {plot_of(epochs, epochs), plot_of(epochs, 1), plot_of(epochs, 0)});
    expect_readable(canvas.svg());
    const SvgReader reader(canvas.svg());
    EXPECT_EQ(has_text(reader, "no values yet"), epochs == 0);
    EXPECT_FALSE(has_text(reader, "0")) << "there is no epoch 0";
    EXPECT_TRUE(has_text(reader, "validation")) << "the legend at least";
  }
}

TEST(Curves, NoPlotsIsSaid) {
  const SvgReader reader(draw_curves("run", {}).svg());
  EXPECT_TRUE(has_text(reader, "no values yet"));
}

TEST(Curves, AValueThatIsNoNumberIsAGap) {
  CurvePlot plot = plot_of(30, 8);  // over 20 epochs: lines alone, a dot where a piece is one epoch
  plot.curves.resize(1);
  const auto pieces = [](const CurvePlot& p) {
    int count = 0;
    const SvgReader reader(draw_curves("run", {p}).svg());
    for (const SvgElement& e : reader.elements()) {
      const auto width = e.attributes.find("stroke-width");
      count += e.name == "path" && width != e.attributes.end() && width->second == "1.8" ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(pieces(plot), 1);
  plot.curves[0].values[7] = NAN;
  EXPECT_EQ(pieces(plot), 2);
  plot.curves[0].values[20] = -INFINITY;
  EXPECT_EQ(pieces(plot), 3);
  EXPECT_FALSE(has_text(SvgReader(draw_curves("run", {plot}).svg()), "nan at epoch 8"));
  plot.curves[0].values.assign(30, NAN);
  EXPECT_TRUE(has_text(SvgReader(draw_curves("run", {plot}).svg()), "no values yet"));
}

TEST(Curves, ConstantsAndLongNamesAreReadable) {
  CurvePlot plot = plot_of(12, 12);
  plot.curves[0].values.assign(12, 0.001);
  plot.curves[1].values.assign(12, 0.001);
  const std::string long_name(300, 'W');
  plot.title = plot.unit = long_name;
  for (Curve& curve : plot.curves) curve.name = long_name;
  expect_readable(draw_curves(long_name, {plot, plot}).svg());
}

TEST(Curves, TheBestValueHidesNoCurve) {
  // Training runs just above validation, where the value would stand else.
  CurvePlot plot = plot_of(100, 50);
  plot.curves[0].values.assign(100, 0.56);
  plot.curves[1].values.assign(100, 0.5);
  plot.curves[1].values[0] = 0;
  const SvgReader reader(draw_curves("run", {plot}).svg());
  const auto& all = reader.elements();
  const auto find = [&](const std::string& name, const std::string& attribute, const std::string& value) {
    return *std::find_if(all.begin(), all.end(), [&](const SvgElement& e) {
      const auto found = e.attributes.find(attribute);
      return e.name == name && found != e.attributes.end() && found->second == value;
    });
  };
  const SvgElement dot = find("circle", "r", "4.6"), training = find("path", "stroke-width", "1.8");
  const std::string line = training.attributes.at("d");
  const double line_y = std::stod(line.substr(line.rfind(' ')));
  const auto label = std::find_if(
      all.begin(), all.end(), [](const SvgElement& e) { return e.name == "text" && e.content == "0.5 at epoch 50"; });
  ASSERT_NE(label, all.end());
  const Rect r = place_of(*label);
  EXPECT_NEAR(dot.number("cy") - line_y, 17, 3) << "or this test tests nothing";
  for (const double y : {dot.number("cy"), line_y}) EXPECT_TRUE(r.y > y || r.bottom() < y) << y;
}

}  // namespace
}  // namespace karyon
