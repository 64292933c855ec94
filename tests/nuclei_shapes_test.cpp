// Nuclei as run lengths and as polygons.
#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/nuclei/outlines.h"
#include "apps/nuclei/rle.h"
#include "tests/expect_error.h"
#include "tests/nuclei_fixtures.h"

namespace karyon {
namespace {

using Texts = std::vector<std::string>;

TEST(RunLengths, GoDownTheColumns) {
  const LabelImage image = drawn({"11.2", "1..2", "11.2"});
  EXPECT_EQ(encode_runs(image), (Texts{"1 4 6 1", "10 3"}));
  EXPECT_EQ(text_of(decode_runs(4, 3, encode_runs(image))), text_of(image));
}

TEST(RunLengths, ComeBackFromAWidePicture) {
  LabelImage image(100, 37);
  for (std::size_t i = 0; i < image.labels.size(); ++i) image.labels[i] = static_cast<std::uint32_t>(i * i / 97 % 5);
  renumber(image);
  EXPECT_EQ(decode_runs(100, 37, encode_runs(image)).labels, image.labels);
}

TEST(RunLengths, ARowEachNucleus) {
  EXPECT_EQ(std::string(kKaggleHeader), "ImageId,EncodedPixels\n");
  EXPECT_EQ(kaggle_rows("x", drawn({"1.2"})), "x,1 1\nx,3 1\n");
  EXPECT_EQ(kaggle_rows("a,b", drawn({"..."})), "\"a,b\",\n");
}

TEST(RunLengths, OfNothingAreNoNuclei) { EXPECT_EQ(decode_runs(3, 2, Texts{"", ""}).count, 0U); }

TEST(RunLengths, RefuseWhatIsNone) {
  const auto refuse = [](const Texts& texts, const std::string& part) {
    expect_error(Exit::bad_data, part, [&] { decode_runs(4, 3, texts); });
  };
  refuse({"1 2", "x 3"}, "run-length text 2: expected pairs");
  refuse({"1"}, "pairs");
  refuse({"1 2 "}, "pairs");
  refuse({"1  2"}, "pairs");
  refuse({"1,2"}, "pairs");
  refuse({"-1 2"}, "pairs");
  refuse({"99999999999999999999999 1"}, "pairs");
  refuse({"0 2"}, "1 or more");
  refuse({"3 0"}, "1 or more");
  refuse({"12 2"}, "within the picture's 12 pixels");
  refuse({"13 1"}, "within");
  refuse({"2 18446744073709551615"}, "within");
  refuse({"5 2 1 2"}, "increasing order");
  refuse({"1 3 3 2"}, "increasing order");
  refuse({"1 3", "3 2"}, "no pixel of run-length text 1");
}

TEST(Outlines, RunAlongTheEdges) {
  const std::vector<Outline> outlines = trace_outlines(drawn({".....", ".11..", ".122.", "....."}));
  ASSERT_EQ(outlines.size(), 2U);
  EXPECT_EQ(outlines[0].rings, (std::vector<Ring>{{{1, 1}, {3, 1}, {3, 2}, {2, 2}, {2, 3}, {1, 3}, {1, 1}}}));
  EXPECT_EQ(outlines[0].area, 3);
  EXPECT_EQ(outlines[1].rings, (std::vector<Ring>{{{2, 2}, {4, 2}, {4, 3}, {2, 3}, {2, 2}}}));
}

TEST(Outlines, HaveHoles) {
  const std::vector<Outline> outlines = trace_outlines(drawn({"1111", "1.11", "11.1", "1111"}));
  ASSERT_EQ(outlines[0].rings.size(), 3U);  // two holes that meet at a corner are two
  EXPECT_EQ(outlines[0].area, 14);
  EXPECT_EQ(outlines[0].rings[1], (Ring{{1, 2}, {2, 2}, {2, 1}, {1, 1}, {1, 2}}));
}

TEST(Outlines, ThatCloseAtACornerEncloseAHole) {
  const std::vector<Outline> outlines = trace_outlines(drawn({"111", "1.1", "11."}));
  // The pixels right of and below the hole meet at a corner: the hole has a ring of its own there.
  EXPECT_EQ(outlines[0].rings.size(), 2U);
  EXPECT_EQ(outlines[0].area, 7);
}

TEST(Outlines, OfANucleusInPiecesAreRefused) {
  expect_error(Exit::internal, "in one piece", [] { trace_outlines(drawn({"1.1"})); });
}

TEST(Outlines, AsGeoJson) {
  const auto json = nlohmann::json::parse(outlines_geojson(trace_outlines(drawn({"1.", "22"}))));
  EXPECT_EQ(json["type"], "FeatureCollection");
  ASSERT_EQ(json["features"].size(), 2U);
  const auto& feature = json["features"][1];
  EXPECT_EQ(feature["type"], "Feature");
  EXPECT_EQ(feature["geometry"]["type"], "Polygon");
  EXPECT_EQ(feature["geometry"]["coordinates"].dump(), "[[[0,1],[2,1],[2,2],[0,2],[0,1]]]");
  EXPECT_EQ(feature["properties"].dump(), R"({"area":2,"label":2,"objectType":"detection"})");
  EXPECT_EQ(nlohmann::json::parse(outlines_geojson({}))["features"].size(), 0U);
}

}  // namespace
}  // namespace karyon
