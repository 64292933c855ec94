// The picture of the network: its facts are the summary's, its parts do not touch.
#include "apps/drawing/model_picture.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "apps/drawing/stages.h"
#include "tests/expect_error.h"
#include "tests/png_probe.h"
#include "tests/svg_reader.h"

namespace karyon {
namespace {

/// With a frozen encoder, for 64 x 96.
ModelSummary small_summary() {
  Context context({}, 1);
  UNetOptions options;
  options.encoder.width = 0.35;
  options.filters = {32, 24, 16, 8};
  UNet unet(context, options);
  unet.encoder().set_frozen(true);
  return summarise(unet, 64, 96);
}

TEST(Stages, CutTheNetworkWhereItsSkipsStart) {
  const ModelSummary summary = small_summary();
  const Stages stages = stages_of(summary);
  ASSERT_EQ(stages.encoder.size(), static_cast<std::size_t>(kTaps));
  ASSERT_EQ(stages.decoder.size(), static_cast<std::size_t>(kTaps));
  int layers = 1;  // the input
  std::int64_t parameters = 0, multiply_adds = 0;
  for (std::size_t i = 0; i < stages.encoder.size(); ++i) {
    EXPECT_EQ(stages.encoder[i].name, kTapNames[i]);
    EXPECT_EQ(stages.encoder[i].h, 32 >> i);
    EXPECT_EQ(stages.encoder[i].w, 48 >> i);
    EXPECT_TRUE(stages.encoder[i].frozen);
    EXPECT_FALSE(stages.decoder[i].frozen);
    EXPECT_EQ(stages.decoder[i].name, i < 4 ? "up_" + std::to_string(i + 1) : "head");
    EXPECT_EQ(stages.decoder[i].h, 4 << i);
    for (const Stage* stage : {&stages.encoder[i], &stages.decoder[i]}) {
      layers += stage->layers;
      parameters += stage->parameters;
      multiply_adds += stage->multiply_adds;
    }
  }
  EXPECT_EQ(stages.encoder[0].first_layer, "Conv1");
  EXPECT_EQ(stages.decoder[1].first_layer, "up_2/conv_transpose");
  EXPECT_EQ(stages.decoder[0].c, 32);
  EXPECT_EQ(stages.decoder[4].c, 2);
  EXPECT_EQ(layers, static_cast<int>(summary.layers.size()));
  EXPECT_EQ(parameters, summary.parameters);
  EXPECT_EQ(multiply_adds, summary.multiply_adds);
  expect_error(Exit::internal, "as many decoder stages", [] { stages_of({}); });
}

TEST(ModelPicture, SaysWhatTheSummarySays) {
  const ModelSummary summary = small_summary();
  const Canvas canvas = draw_model("U-Net & co", summary);
  const std::vector<std::string> texts = SvgReader(canvas.svg()).texts();
  const auto count = [&](const std::string& text) { return std::count(texts.begin(), texts.end(), text); };
  EXPECT_EQ(count("U-Net &amp; co"), 1);
  for (const char* name : kTapNames) EXPECT_EQ(count(name), 1) << name;
  for (const char* name : {"up_1", "up_2", "up_3", "up_4", "head", "image", "class scores"}) EXPECT_EQ(count(name), 1);
  EXPECT_EQ(count("64 \u00d7 96 \u00d7 3"), 1);
  EXPECT_EQ(count("64 \u00d7 96 \u00d7 2"), 2) << "the head's and the result's";
  EXPECT_EQ(count("32 \u00d7 48 \u00d7 8"), 1) << "up_4";
  EXPECT_EQ(count("frozen"), kTaps + 1) << "and the legend";
  EXPECT_EQ(count("trained"), kTaps + 1);
  const std::string total = with_commas(summary.parameters) + " parameters, " + with_commas(summary.trainable);
  EXPECT_TRUE(std::any_of(texts.begin(), texts.end(), [&](const std::string& t) { return t.starts_with(total); }));
}

/// The boxes and pills.
std::vector<Rect> boxes_of(const std::string& svg) {
  std::vector<Rect> boxes;
  const SvgReader reader(svg);
  for (const SvgElement& e : reader.elements()) {
    if (e.name != "rect" || !e.attributes.contains("stroke")) continue;
    boxes.push_back({e.number("x"), e.number("y"), e.number("width"), e.number("height")});
  }
  return boxes;
}

TEST(ModelPicture, NothingTouches) {
  ModelSummary summary = small_summary();
  for (LayerRow& row : summary.layers) {
    row.h *= 128;  // the largest numbers that a user could want to see
    row.w *= 128;
    row.parameters *= 1000;
    row.multiply_adds *= 1000000;
  }
  const std::string svg = draw_model(std::string(200, 'W'), summary).svg();
  expect_readable(svg);
  const std::vector<Rect> boxes = boxes_of(svg);
  ASSERT_EQ(boxes.size(), 2U * kTaps + 2 + 2);  // and two pills, two in the legend
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const Rect &a = boxes[i], &b = boxes[j];
      EXPECT_TRUE(a.right() < b.x || b.right() < a.x || a.bottom() < b.y || b.bottom() < a.y) << i << " and " << j;
    }
  }
}

TEST(ModelPicture, SkipsEndInTheirConcatenations) {
  const Canvas canvas = draw_model("U-Net", small_summary());
  const SvgReader reader(canvas.svg());
  int nodes = 0;
  const PngProbe png(canvas);
  for (const SvgElement& e : reader.elements()) {
    if (e.name != "circle" || e.number("cx") < kPageWidth / 2) continue;
    ++nodes;
    EXPECT_EQ(png.at({kPageWidth / 2, e.number("cy")}), rgb(kSkip)) << "the skip runs at the node's height";
  }
  EXPECT_EQ(nodes, kTaps - 1);
}

}  // namespace
}  // namespace karyon
