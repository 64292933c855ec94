#include "apps/drawing/curves.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>

#include "apps/drawing/axis.h"

namespace karyon {

namespace {

constexpr double kPlotHeight = 254, kColumnGap = 28, kRowGap = 18, kHeadingHeight = 52;
constexpr double kTitleRow = 14, kLegendRow = 34, kPlotTop = 52;  // base lines and edge, below the cell's top
constexpr double kAxisRoom = 38;                                  // below the plot: numbers and "epoch"
constexpr std::size_t kMostDots = 20;                             // with more epochs, dots would hide the line

/// Where numbers lie in a plot.
struct Scale {
  Rect area;
  Range x, y;

  [[nodiscard]] Point at(double epoch, double value) const {
    return {area.x + (epoch - x.low) / (x.high - x.low) * area.width,
            area.bottom() - (value - y.low) / (y.high - y.low) * area.height};
  }
};

/// The longest curve's length.
std::size_t epochs_of(const CurvePlot& plot) {
  std::size_t epochs = 0;
  for (const Curve& curve : plot.curves) epochs = std::max(epochs, curve.values.size());
  return epochs;
}

Range values_of(const CurvePlot& plot) {
  std::vector<std::vector<double>> series;
  for (const Curve& curve : plot.curves) series.push_back(curve.values);
  return padded(range_of(series));
}

bool has_values(const CurvePlot& plot) {
  return std::any_of(plot.curves.begin(), plot.curves.end(), [](const Curve& curve) {
    return std::any_of(curve.values.begin(), curve.values.end(), [](double v) { return std::isfinite(v); });
  });
}

Range epochs_range(std::size_t epochs) {
  if (epochs < 2) return {0.5, 1.5};
  const double room = static_cast<double>(epochs - 1) * 0.02;  // for the dots at both ends
  return {1 - room, static_cast<double>(epochs) + room};
}

/// The curve in pieces between its gaps.
std::vector<std::vector<Point>> pieces_of(const Curve& curve, const Scale& scale) {
  std::vector<std::vector<Point>> pieces(1);
  for (std::size_t i = 0; i < curve.values.size(); ++i) {
    if (std::isfinite(curve.values[i])) {
      pieces.back().push_back(scale.at(static_cast<double>(i + 1), curve.values[i]));
    } else if (!pieces.back().empty()) {
      pieces.emplace_back();
    }
  }
  if (pieces.back().empty()) pieces.pop_back();
  return pieces;
}

double label_width(const Canvas& canvas, const std::vector<CurvePlot>& plots) {
  double width = 0;
  for (const CurvePlot& plot : plots) {
    for (const std::string& label : round_ticks(values_of(plot), 5).labels) {
      width = std::max(width, canvas.text_width(label, kCaption));
    }
  }
  return width;
}

class PlotPainter {
 public:
  PlotPainter(Canvas& canvas, const CurvePlot& plot, Rect cell, double label_room)
      : canvas_(canvas), plot_(plot), cell_(cell) {
    const double left = label_room + 8;
    scale_ = {{cell.x + left, cell.y + kPlotTop, cell.width - left, cell.height - kPlotTop - kAxisRoom},
              epochs_range(epochs_of(plot)),
              values_of(plot)};
  }

  void paint() {
    titles();
    legend();
    if (!has_values(plot_)) {
      canvas_.frame(scale_.area, kPaper, kGrid);
      canvas_.text(scale_.area.centre(), "no values yet", aligned(kCaption, Align::centre));
      return;
    }
    axes();
    canvas_.clipped({scale_.area.x - 4, scale_.area.y - 4, scale_.area.width + 8, scale_.area.height + 8},
                    [this] { curves(); });
    best();
  }

 private:
  static Colour colour_of(std::size_t curve) { return kCurveColours[curve % kCurveColours.size()]; }

  void titles() {
    const std::string unit = canvas_.shortened(plot_.unit, cell_.width / 2 - 8, kCaption);
    const double room = cell_.width - canvas_.text_width(unit, kCaption) - 8;
    const std::string title = canvas_.shortened(plot_.title, room, kTitle);
    canvas_.text({cell_.x, cell_.y + kTitleRow}, title, kTitle);
    canvas_.text({cell_.x + canvas_.text_width(title, kTitle) + 8, cell_.y + kTitleRow}, unit, kCaption);
  }

  /// The names stand whole where all of them fit, else each gets an equal share.
  void legend() {
    constexpr double kSymbol = 21, kSpace = 15;
    double wanted = 0;
    for (const Curve& curve : plot_.curves) wanted += kSymbol + canvas_.text_width(curve.name, kBody) + kSpace;
    const double share = cell_.width / static_cast<double>(std::max<std::size_t>(1, plot_.curves.size()));
    const double room = wanted <= cell_.width + kSpace ? cell_.width : share - kSymbol - kSpace;
    const double y = cell_.y + kLegendRow;
    double x = cell_.x;
    for (std::size_t i = 0; i < plot_.curves.size(); ++i) {
      canvas_.line({x + 1, y - 3.5}, {x + 15, y - 3.5}, colour_of(i), 2.5);
      const std::string name = canvas_.shortened(plot_.curves[i].name, room, kBody);
      canvas_.text({x + kSymbol, y}, name, kBody);
      x += kSymbol + canvas_.text_width(name, kBody) + kSpace;
    }
  }

  void axes() {
    const Rect& a = scale_.area;
    const Ticks values = round_ticks(scale_.y, 5);
    for (std::size_t i = 0; i < values.values.size(); ++i) {
      const double y = scale_.at(1, values.values[i]).y;
      canvas_.line({a.x, y}, {a.right(), y}, kGrid);
      canvas_.text({a.x - 8, y + 3.5}, values.labels[i], aligned(kCaption, Align::right));
    }
    const Ticks epochs = round_ticks({std::max(0.5, scale_.x.low), scale_.x.high}, 8, 1);  // no epoch 0
    for (std::size_t i = 0; i < epochs.values.size(); ++i) {
      const double x = scale_.at(epochs.values[i], scale_.y.low).x;
      canvas_.line({x, a.bottom()}, {x, a.bottom() + 4}, kFrame);
      canvas_.text({x, a.bottom() + 16}, epochs.labels[i], aligned(kCaption, Align::centre));
    }
    canvas_.line({a.x, a.bottom()}, {a.right(), a.bottom()}, kFrame);
    canvas_.text({a.centre().x, a.bottom() + 31}, "epoch", aligned(kCaption, Align::centre));
  }

  void curves() {
    const bool dots = epochs_of(plot_) <= kMostDots;
    for (std::size_t i = 0; i < plot_.curves.size(); ++i) {
      for (const std::vector<Point>& piece : pieces_of(plot_.curves[i], scale_)) {
        if (piece.size() > 1) canvas_.polyline(piece, colour_of(i), 1.8);
        if (!dots && piece.size() > 1) continue;
        for (const Point& p : piece) canvas_.circle(p, 2.4, colour_of(i));
      }
    }
  }

  /// Points all along the curves.
  [[nodiscard]] std::vector<Point> along_curves() const {
    constexpr int kSteps = 8;  // from one epoch to the next
    std::vector<Point> points;
    for (const Curve& curve : plot_.curves) {
      for (const std::vector<Point>& piece : pieces_of(curve, scale_)) {
        for (std::size_t i = 0; i + 1 < piece.size(); ++i) {
          const Point p = piece[i], q = piece[i + 1];
          for (int k = 0; k < kSteps; ++k) {
            points.push_back({p.x + (q.x - p.x) * k / kSteps, p.y + (q.y - p.y) * k / kSteps});
          }
        }
        points.push_back(piece.back());
      }
    }
    return points;
  }

  /// Around the point and within the plot, where the fewest of the curves are hidden; the nearest of those.
  [[nodiscard]] Rect place_near(Point p, double width, double height) const {
    const std::vector<Point> points = along_curves();
    std::optional<Rect> chosen;
    std::ptrdiff_t least = 0;
    for (const double distance : {9.0, 18.0, 30.0, 46.0, 70.0}) {
      for (const auto& [x, y] : {Point{-0.5, -1}, {-0.5, 1}, {-1, -1}, {0, -1}, {-1, 1}, {0, 1}}) {
        Rect r{p.x + x * width, y < 0 ? p.y - distance - height : p.y + distance, width, height};
        r.x = std::clamp(r.x, scale_.area.x + 2, std::max(scale_.area.x + 2, scale_.area.right() - width));
        if (r.y < scale_.area.y - 2 || r.bottom() > scale_.area.bottom() - 2) continue;
        const auto hidden = std::count_if(points.begin(), points.end(), [&r](const Point& q) {
          return q.x > r.x && q.x < r.right() && q.y > r.y && q.y < r.bottom();
        });
        if (chosen && hidden >= least) continue;
        chosen = r;
        least = hidden;
      }
    }
    return chosen.value_or(Rect{p.x, p.y, width, height});
  }

  void best() {
    if (plot_.best_epoch < 1 || plot_.curves.empty()) return;
    const auto index = static_cast<std::size_t>(plot_.best_epoch - 1);
    const std::vector<double>& values = plot_.curves.back().values;
    if (index >= values.size() || !std::isfinite(values[index])) return;
    const Point p = scale_.at(plot_.best_epoch, values[index]);
    const Colour colour = colour_of(plot_.curves.size() - 1);
    canvas_.circle(p, 4.6, kPaper, colour, 2.2);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.4g at epoch %d", values[index], plot_.best_epoch);
    const TextStyle style{10.5, colour, Align::centre, true};
    const Rect place = place_near(p, canvas_.text_width(text.data(), style) + 8, 15);
    canvas_.box(place, {255, 255, 255, 0.8}, 3);
    canvas_.text({place.centre().x, place.bottom() - 4}, text.data(), style);
  }

  Canvas& canvas_;
  const CurvePlot& plot_;
  Rect cell_;
  Scale scale_;
};

}  // namespace

Canvas draw_curves(const std::string& heading, const std::vector<CurvePlot>& plots) {
  const std::size_t columns = plots.size() > 1 ? 2 : 1;
  const std::size_t rows = std::max<std::size_t>(1, (plots.size() + columns - 1) / columns);
  const auto row_count = static_cast<double>(rows), column_count = static_cast<double>(columns);
  Canvas canvas(kPageWidth, kHeadingHeight + row_count * kPlotHeight + (row_count - 1) * kRowGap + kMargin - 4);
  canvas.text({kMargin, 34}, canvas.shortened(heading, kPageWidth - 2 * kMargin, kHeading), kHeading);
  if (plots.empty()) canvas.text({kMargin, kHeadingHeight + kTitleRow}, "no values yet", kCaption);
  const double label_room = label_width(canvas, plots);
  const double width = (kPageWidth - 2 * kMargin - (column_count - 1) * kColumnGap) / column_count;
  for (std::size_t i = 0; i < plots.size(); ++i) {
    const std::size_t rows_above = i / columns;
    const auto row = static_cast<double>(rows_above), column = static_cast<double>(i % columns);
    const Rect cell{kMargin + column * (width + kColumnGap), kHeadingHeight + row * (kPlotHeight + kRowGap), width,
                    kPlotHeight};
    PlotPainter(canvas, plots[i], cell, label_room).paint();
  }
  return canvas;
}

}  // namespace karyon
