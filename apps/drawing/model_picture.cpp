#include "apps/drawing/model_picture.h"

#include <array>
#include <cstdio>

#include "apps/drawing/stages.h"

namespace karyon {

namespace {

constexpr double kBoxWidth = 330, kBoxHeight = 64, kPad = 12, kRadius = 7;
constexpr double kPitch = 104;       // from one resolution to the next
constexpr double kTop = 102;         // the centre of the image's and the mask's pills
constexpr double kFirstStage = 128;  // from there to the centre of the first encoder stage
constexpr double kPillWidth = 230, kPillHeight = 34;
constexpr double kNode = 9;  // radius of a concatenation
constexpr double kLeft = kMargin + kBoxWidth / 2, kRight = kPageWidth - kMargin - kBoxWidth / 2;
constexpr double kLegendHeight = 58;

std::string shape_text(int h, int w, int c) {
  const std::string times = " \u00d7 ";
  return std::to_string(h) + times + std::to_string(w) + times + std::to_string(c);
}

/// "91.2 M", "1.24 G": three digits.
std::string short_count(std::int64_t count) {
  auto value = static_cast<double>(count);
  const char* unit = "";
  for (const char* larger : {" k", " M", " G", " T"}) {
    if (value < 999.5) break;
    value /= 1000;
    unit = larger;
  }
  std::array<char, 32> text{};
  const int decimals = *unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  std::snprintf(text.data(), text.size(), "%.*f%s", decimals, value, unit);
  return text.data();
}

void draw_concatenation(Canvas& canvas, Point at) {
  canvas.circle(at, kNode, kPlainFill, kSkip, 1.6);
  canvas.text({at.x, at.y + 4}, "C", {11, kSkip, Align::centre, true});
}

class ModelPainter {
 public:
  ModelPainter(Canvas& canvas, const Stages& stages) : canvas_(canvas), stages_(stages) {}

  void paint(const LayerRow& input) {
    arrows();
    pill({kLeft, kTop}, "image", shape_text(input.h, input.w, input.c));
    const Stage& head = stages_.decoder.back();
    pill({kRight, kTop}, "class scores", shape_text(head.h, head.w, head.c));
    for (std::size_t i = 0; i < size(); ++i) {
      box(encoder_at(i), stages_.encoder[i]);
      box(decoder_at(i), stages_.decoder[i]);
    }
  }

  /// The lower edge of what is drawn.
  static double bottom_of(std::size_t stages) { return encoder_y(stages - 1) + kBoxHeight / 2; }

 private:
  [[nodiscard]] std::size_t size() const { return stages_.encoder.size(); }
  static double encoder_y(std::size_t i) { return kTop + kFirstStage + static_cast<double>(i) * kPitch; }
  static Point encoder_at(std::size_t i) { return {kLeft, encoder_y(i)}; }
  /// Half a step above the encoder's stage of its input, so that a skip runs straight into the concatenation between.
  [[nodiscard]] Point decoder_at(std::size_t k) const { return {kRight, encoder_y(size() - 1 - k) - kPitch / 2}; }

  void arrows() {
    constexpr double kHalf = kBoxHeight / 2;
    canvas_.arrow({{kLeft, kTop + kPillHeight / 2}, {kLeft, encoder_y(0) - kHalf}}, kQuiet);
    for (std::size_t i = 1; i < size(); ++i) {
      canvas_.arrow({{kLeft, encoder_y(i - 1) + kHalf}, {kLeft, encoder_y(i) - kHalf}}, kQuiet);
    }
    const Point deepest = encoder_at(size() - 1);
    canvas_.arrow({{deepest.x + kBoxWidth / 2, deepest.y}, {kRight, deepest.y}, {kRight, decoder_at(0).y + kHalf}},
                  kQuiet);
    for (std::size_t k = 1; k < size(); ++k) {
      const Point node{kRight, encoder_y(size() - 1 - k)};
      canvas_.line({kRight, decoder_at(k - 1).y - kHalf}, {kRight, node.y + kNode}, kQuiet, 1.2);
      canvas_.arrow({{kRight, node.y - kNode}, {kRight, decoder_at(k).y + kHalf}}, kQuiet);
      canvas_.arrow({{kLeft + kBoxWidth / 2, node.y}, {kRight - kNode, node.y}}, kSkip, 1.6);
      draw_concatenation(canvas_, node);
    }
    canvas_.arrow({{kRight, decoder_at(size() - 1).y - kHalf}, {kRight, kTop + kPillHeight / 2}}, kQuiet);
  }

  void pill(Point at, const std::string& name, const std::string& shape) {
    const Rect r{at.x - kPillWidth / 2, at.y - kPillHeight / 2, kPillWidth, kPillHeight};
    canvas_.frame(r, kPlainFill, kFrame, 1.2, kPillHeight / 2);
    canvas_.text({r.x + 16, at.y + 4}, name, kTitle);
    canvas_.text({r.right() - 16, at.y + 4}, shape, aligned(kBody, Align::right));
  }

  void box(Point at, const Stage& stage) {
    const Rect r{at.x - kBoxWidth / 2, at.y - kBoxHeight / 2, kBoxWidth, kBoxHeight};
    canvas_.frame(r, stage.frozen ? kFrozenFill : kTrainedFill, stage.frozen ? kFrozenEdge : kTrainedEdge, 1.2,
                  kRadius);
    const double left = r.x + kPad, right = r.right() - kPad;
    const std::string shape = shape_text(stage.h, stage.w, stage.c);
    const double room = r.width - 3 * kPad - canvas_.text_width(shape, kTitle);
    canvas_.text({left, r.y + 20}, canvas_.shortened(stage.name, room, kTitle), kTitle);
    canvas_.text({right, r.y + 20}, shape, aligned(kTitle, Align::right));
    const std::string state = stage.frozen ? "frozen" : "trained";
    canvas_.text({right, r.y + 38}, state, aligned(kCaption, Align::right));
    const std::string layers =
        stage.layers == 1 ? "1 layer" : std::to_string(stage.layers) + " layers from " + stage.first_layer;
    canvas_.text({left, r.y + 38}, canvas_.shortened(layers, r.width - 3 * kPad - 42, kCaption), kCaption);
    canvas_.text({left, r.y + 55}, with_commas(stage.parameters) + " parameters", kBody);
    canvas_.text({right, r.y + 55}, short_count(stage.multiply_adds) + " multiply-adds", aligned(kBody, Align::right));
  }

  Canvas& canvas_;
  const Stages& stages_;
};

void draw_legend(Canvas& canvas, double y) {
  double x = kMargin;
  const auto entry = [&](double symbol_width, const std::string& text) {
    canvas.text({x + symbol_width + 8, y + 4}, text, kBody);
    x += symbol_width + 8 + canvas.text_width(text, kBody) + 26;
  };
  canvas.frame({x, y - 7, 22, 14}, kTrainedFill, kTrainedEdge, 1.2, 3);
  entry(22, "trained");
  canvas.frame({x, y - 7, 22, 14}, kFrozenFill, kFrozenEdge, 1.2, 3);
  entry(22, "frozen");
  canvas.arrow({{x, y}, {x + 26, y}}, kSkip, 1.6);
  entry(26, "skip");
  draw_concatenation(canvas, {x + kNode, y});
  entry(2 * kNode, "channels concatenated");
  canvas.text({kPageWidth - kMargin, y + 4}, "shapes: height \u00d7 width \u00d7 channels",
              aligned(kCaption, Align::right));
}

}  // namespace

Canvas draw_model(const std::string& heading, const ModelSummary& summary) {
  const Stages stages = stages_of(summary);
  const double bottom = ModelPainter::bottom_of(stages.encoder.size());
  Canvas canvas(kPageWidth, bottom + kLegendHeight);
  canvas.text({kMargin, 34}, canvas.shortened(heading, kPageWidth - 2 * kMargin, kHeading), kHeading);
  const LayerRow& input = summary.layers.front();
  const std::string totals = with_commas(summary.parameters) + " parameters, " + with_commas(summary.trainable) +
                             " of them trained; " + short_count(summary.multiply_adds) +
                             " multiply-adds for an image of " + std::to_string(input.h) + " \u00d7 " +
                             std::to_string(input.w);
  canvas.text({kMargin, 56}, totals, {12, kQuiet});
  ModelPainter(canvas, stages).paint(input);
  draw_legend(canvas, bottom + 34);
  return canvas;
}

}  // namespace karyon
