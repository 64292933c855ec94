// The drawing layer: what is drawn is in the PNG at its place and in the SVG by its name.
#include "apps/drawing/canvas.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "apps/drawing/text.h"
#include "tests/expect_error.h"
#include "tests/png_probe.h"
#include "tests/svg_reader.h"

namespace karyon {
namespace {

constexpr Colour kRed{255, 0, 0}, kGreen{0, 255, 0}, kBlue{0, 0, 255};

Canvas example() {
  Canvas canvas(60, 40);
  canvas.box({5, 5, 10, 10}, kRed);
  canvas.frame({20, 5, 14, 12}, kGreen, kBlue, 2, 4);
  canvas.circle({46, 11}, 5, kBlue);
  canvas.line({5, 25}, {25, 25}, kRed, 2);
  canvas.area({{30, 22}, {40, 22}, {30, 32}}, kGreen);
  canvas.arrow({{42, 36}, {42, 30}, {56, 30}}, kBlue, 2);
  canvas.text({5, 38}, "Ag", kBody);
  canvas.clipped({55, 0, 5, 5}, [&] { canvas.circle({60, 0}, 4, kRed); });
  return canvas;
}

TEST(Canvas, EachShapeLiesAtItsPlace) {
  const PngProbe png(example());
  EXPECT_EQ(png.picture().width, 120);
  EXPECT_EQ(png.picture().height, 80);
  EXPECT_EQ(png.at({2, 2}), rgb(kPaper));
  EXPECT_EQ(png.at({5, 5}), rgb(kRed)) << "the first pixel of a box";
  EXPECT_EQ(png.at({14.9, 14.9}), rgb(kRed)) << "and the last";
  EXPECT_EQ(png.at({15.1, 10}), rgb(kPaper));
  EXPECT_EQ(png.at({27, 11}), rgb(kGreen));
  EXPECT_EQ(png.at({27, 5}), rgb(kBlue)) << "the frame's edge";
  EXPECT_EQ(png.at({19.6, 4.6}), rgb(kPaper)) << "outside its rounded corner";
  EXPECT_EQ(png.at({46, 11}), rgb(kBlue));
  EXPECT_EQ(png.at({41.6, 6.6}), rgb(kPaper)) << "in the circle's box but outside of it";
  EXPECT_EQ(png.at({15, 25}), rgb(kRed));
  EXPECT_EQ(png.at({32, 24}), rgb(kGreen));
  EXPECT_EQ(png.at({39, 31}), rgb(kPaper)) << "beyond the triangle's long side";
  EXPECT_EQ(png.at({42, 33}), rgb(kBlue)) << "an arrow's first piece";
  EXPECT_EQ(png.at({50, 32}), rgb(kBlue)) << "its head is wider than its line";
  int dark = 0;
  for (double x = 5; x < 20; x += 0.5) dark += png.at({x, 35})[0] < 128 ? 1 : 0;
  EXPECT_GT(dark, 2) << "letters";
}

TEST(Canvas, EqualCallsGiveEqualBytes) {
  const Canvas first = example(), second = example();
  EXPECT_EQ(first.png(), second.png());
  EXPECT_EQ(first.svg(), second.svg());
}

TEST(Canvas, ABitmapIsPlacedPixelByPixelOrSmoothly) {
  Picture picture(2, 1, 3);
  picture.pixels = {255, 0, 0, 0, 0, 255};
  Canvas canvas(40, 30);
  canvas.bitmap(picture, {0, 0, 40, 10}, Sampling::nearest);
  canvas.bitmap(picture, {0, 10, 40, 10}, Sampling::smooth);
  Picture layer(1, 1, 4);
  layer.pixels = {0, 255, 0, 51};  // a fifth
  canvas.bitmap(layer, {0, 20, 20, 10}, Sampling::nearest);
  const PngProbe png(canvas);
  EXPECT_EQ(png.at({0, 0}), rgb(kRed));
  EXPECT_EQ(png.at({19.9, 5}), rgb(kRed));
  EXPECT_EQ(png.at({20.1, 5}), rgb(kBlue));
  EXPECT_EQ(png.at({39.9, 9.9}), rgb(kBlue));
  EXPECT_EQ(png.at({0, 15}), rgb(kRed)) << "no fading into nothing at the rim";
  EXPECT_NEAR(png.at({20, 15})[0], 127, 10);
  EXPECT_NEAR(png.at({20, 15})[2], 127, 10);
  EXPECT_EQ(png.at({10, 25}), (std::array<int, 3>{204, 255, 204}));
  const std::string svg = canvas.svg();
  EXPECT_NE(svg.find("image-rendering=\"pixelated\" href=\"data:image/png;base64,iVBORw0KGgo"), std::string::npos);
  const SvgReader reader(svg);
}

TEST(Canvas, ClippedDrawingStaysInside) {
  Canvas canvas(20, 20);
  canvas.clipped({5, 5, 10, 10}, [&] { canvas.box({0, 0, 20, 20}, kRed); });
  canvas.box({0, 0, 2, 2}, kBlue);
  const PngProbe png(canvas);
  EXPECT_EQ(png.at({4, 10}), rgb(kPaper));
  EXPECT_EQ(png.at({6, 10}), rgb(kRed));
  EXPECT_EQ(png.at({1, 1}), rgb(kBlue)) << "the clip has ended";
  const SvgReader reader(canvas.svg());
  const auto is_group = [](const SvgElement& e) {
    return e.name == "g" && e.attributes.at("clip-path") == "url(#clip1)";
  };
  EXPECT_TRUE(std::any_of(reader.elements().begin(), reader.elements().end(), is_group));
}

TEST(Canvas, TextIsEscapedInSvg) {
  Canvas canvas(300, 40);
  canvas.text({5, 20}, "a<b & \"c\" 'd' > \x01\x7F\n", kBody);
  canvas.text({5, 35}, "Zelle \u00e4\u00d7\u4e2d \xFF", kBody);
  const SvgReader reader(canvas.svg());
  const std::vector<std::string> expected{"a&lt;b &amp; &quot;c&quot; &#39;d&#39; &gt; \uFFFD\uFFFD\uFFFD",
                                          "Zelle \u00e4\u00d7\u4e2d \uFFFD"};
  EXPECT_EQ(reader.texts(), expected);
}

TEST(Canvas, NumbersInSvgAreShort) {
  Canvas canvas(10, 10);
  canvas.line({1.0 / 3, -0.001}, {2, 1e3}, kRed);
  EXPECT_NE(canvas.svg().find("d=\"M0.33 0L2 1000\""), std::string::npos) << canvas.svg();
}

TEST(Canvas, TextIsMeasuredAndAligned) {
  Canvas canvas(100, 20);
  const TextStyle bold{11, kInk, Align::left, true};
  const double width = canvas.text_width("nucleus", kBody);
  EXPECT_GT(width, 20);
  EXPECT_GT(canvas.text_width("nucleus", bold), width);
  EXPECT_NEAR(canvas.text_width("illumination", {70}), 10 * canvas.text_width("illumination", {7}), 0.1)
      << "nothing is rounded to pixels";
  canvas.text({100, 15}, "MMM", aligned(kBody, Align::right));
  const PngProbe png(canvas);
  const double left = 100 - canvas.text_width("MMM", kBody);
  double first = 100;
  for (double y = 5; y < 15; y += 0.5) {
    for (double x = 0; x < first; x += 0.5) first = png.at({x, y})[0] < 128 ? x : first;
  }
  EXPECT_NEAR(first, left + 1, 1) << "the M's own margin";
}

TEST(Canvas, TextIsShortenedInItsMiddle) {
  const Canvas canvas(100, 20);
  EXPECT_EQ(canvas.shortened("short", 100, kBody), "short");
  std::string name;
  for (int i = 0; i < 500; ++i) name += "\u00e4\u00f6";
  const std::string result = canvas.shortened("first" + name + "last", 120, kBody);
  EXPECT_LE(canvas.text_width(result, kBody), 120);
  EXPECT_GT(canvas.text_width(result, kBody), 100);
  EXPECT_TRUE(result.starts_with("first") && result.ends_with("last")) << result;
  EXPECT_NE(result.find("\u2026"), std::string::npos);
  EXPECT_EQ(result.find("\uFFFD"), std::string::npos) << "no letter was cut in two";
  EXPECT_EQ(canvas.shortened("", 10, kBody), "");
}

TEST(Text, BrokenUtf8IsReplacedByteByByte) {
  EXPECT_EQ(clean_text("a\xC3\xA4z"), "a\u00e4z");
  EXPECT_EQ(clean_text("\xC3"), "\uFFFD") << "cut short";
  EXPECT_EQ(clean_text("\xC0\xAF"), "\uFFFD\uFFFD") << "overlong";
  EXPECT_EQ(clean_text("\xE0\x80\xAF"), "\uFFFD\uFFFD\uFFFD") << "overlong";
  EXPECT_EQ(clean_text("\xED\xA0\x80"), "\uFFFD") << "a surrogate";
  EXPECT_EQ(clean_text("\xF4\x90\x80\x80").substr(0, 3), "\uFFFD") << "beyond the last character";
  EXPECT_EQ(clean_text("\xEF\xBF\xBE"), "\uFFFD") << "no character in XML";
  EXPECT_EQ(clean_text(std::string_view("\0", 1)), "\uFFFD");
  EXPECT_EQ(clean_text("\xF0\x9F\x94\xAC"), "\U0001F52C");
}

TEST(Canvas, RefusesWhatCannotBeDrawn) {
  Canvas canvas(10, 10);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_error(Exit::internal, "finite", [&] { canvas.line({0, 0}, {nan, 1}, kRed); });
  expect_error(Exit::internal, "finite", [&] { canvas.text({INFINITY, 0}, "x", kBody); });
  expect_error(Exit::internal, "not negative", [&] { canvas.box({0, 0, -1, 1}, kRed); });
  expect_error(Exit::internal, "two ends", [&] { canvas.arrow({{0, 0}}, kRed); });
  expect_error(Exit::internal, "not empty", [&] { canvas.bitmap(Picture(), {0, 0, 1, 1}, Sampling::nearest); });
  expect_error(Exit::usage, "16,000", [] { Canvas(900, 16001); });
  expect_error(Exit::usage, "16,000", [&] { Canvas(nan, 10); });
}

}  // namespace
}  // namespace karyon
