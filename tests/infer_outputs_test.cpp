// infer_unet from outside: the inputs that its flags choose and the tables that it writes.
#include <algorithm>
#include <array>

#include "apps/nuclei/rle.h"
#include "tests/infer_runs.h"
#include "tests/tiff_writer.h"

namespace karyon {
namespace {

using InferOutputs = InferUnet;

/// The first field of every row but the header's.
Words first_fields(const fs::path& csv) {
  Words fields;
  const Words rows = lines_of(text_of(csv));
  for (std::size_t i = 1; i < rows.size(); ++i) fields.push_back(rows[i].substr(0, rows[i].find(',')));
  return fields;
}

Bytes tiff_page(int width, int height, std::uint16_t bits, const std::vector<std::uint32_t>& values) {
  TiffForm form;
  form.width = static_cast<std::uint32_t>(width);
  form.height = static_cast<std::uint32_t>(height);
  form.bits = bits;
  form.values = values;
  return write_tiff({form});
}

TEST_F(InferOutputs, WithoutAModelTheOneInTheBoxIsUsed) {
  put(dir / "a.png", encode_png(noise(70, 60, 3, 1)));
  const Finished finished = infer(dir.path(), {"a.png", "--out", "out"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(tree(dir / "out"), (Words{"labels/", "labels/a.png", "masks/", "masks/a.png", "nuclei.csv", "overlays/",
                                      "overlays/a.png", "summary.csv"}));
  fs::rename(dir / "out", dir / "boxed");
  const Finished named = infer(
      dir.path(), {"a.png", "--out", "out", "--model", KARYON_SOURCE "/weights/nuclei.safetensors", "--save-prob"});
  EXPECT_EQ(named.status, 0) << named.err;
  EXPECT_EQ(text_of(dir / "out/labels/a.png"), text_of(dir / "boxed/labels/a.png"));
  EXPECT_EQ(text_of(dir / "out/nuclei.csv"), text_of(dir / "boxed/nuclei.csv"));
}

TEST_F(InferOutputs, TheKaggleFileDecodesToTheLabels) {
  const std::vector<std::array<int, 2>> sizes{{64, 50}, {33, 97}, {20, 20}};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    put(dir / "in" / ("p" + std::to_string(i) + ".png"), encode_png(noise(sizes[i][0], sizes[i][1], 3, i)));
  }
  run({"in", "--kaggle-csv", "runs.csv", "--min-area", "2"});
  const Words rows = lines_of(text_of(dir / "runs.csv"));
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows[0], "ImageId,EncodedPixels");
  std::size_t found = 0, row = 1;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::string id = "p" + std::to_string(i);
    Words runs;
    for (; row < rows.size() && rows[row].starts_with(id + ","); ++row) runs.push_back(rows[row].substr(id.size() + 1));
    ASSERT_FALSE(runs.empty()) << id;
    const LabelImage decoded = decode_runs(sizes[i][0], sizes[i][1], runs);
    EXPECT_EQ(decoded.labels, decode_labels(read_file(dir / "out/labels" / (id + ".png")), id).labels);
    found += decoded.count;
  }
  EXPECT_EQ(row, rows.size());
  EXPECT_GT(found, 3U);
  EXPECT_EQ(first_fields(dir / "out/nuclei.csv").size(), found) << "a row a nucleus";
}

TEST_F(InferOutputs, TheKaggleFileIsNotOverwrittenInSilence) {
  put(dir / "a.png", plain_png(8, 8, 3, 9));
  put(dir / "runs.csv", to_bytes("mine"));
  const Words words{"--model", "model", "--out", "out", "a.png"};
  expect_failure(infer(dir.path(), words + Words{"--kaggle-csv", "runs.csv"}), "infer_unet", 73,
                 {"--kaggle-csv runs.csv exists already", "--exist-ok"});
  expect_failure(infer(dir.path(), words + Words{"--kaggle-csv", "nowhere/runs.csv"}), "infer_unet", 73,
                 {"nowhere/runs.csv", "no folder nowhere"});
  EXPECT_EQ(text_of(dir / "runs.csv"), "mine");
  EXPECT_FALSE(fs::exists(dir / "out"));
  EXPECT_EQ(infer(dir.path(), words + Words{"--kaggle-csv", "runs.csv", "--exist-ok"}).status, 0);
  EXPECT_TRUE(text_of(dir / "runs.csv").starts_with("ImageId,EncodedPixels\na,"));
}

TEST_F(InferOutputs, PatternsAndAListOnStandardInputArePaths) {
  for (const char* name : {"w/a1.png", "w/a2.png", "w/b1.png", "w/[x].png", "other/c.png"}) {
    put(dir / name, plain_png(8, 8, 3, 9));
  }
  run({"w/a?.png", "oth*"});
  EXPECT_EQ(first_fields(dir / "out/summary.csv"), (Words{"a1", "a2", "c"}));
  run({"w/[x].png"});  // a name that looks like a pattern is the name
  EXPECT_EQ(first_fields(dir / "out/summary.csv"), (Words{"[x]"}));
  run({"-"}, 0, "w/b1.png\nother\n");
  EXPECT_EQ(first_fields(dir / "out/summary.csv"), (Words{"b1", "c"}));
  run({"-", "w/a1.png"}, 0, std::string("w/b1.png\0w/[x].png\0", 19));
  EXPECT_EQ(first_fields(dir / "out/summary.csv"), (Words{"[x]", "a1", "b1"}));
  const Words model{"--model", "model", "--out", "o"};
  expect_failure(infer(dir.path(), model + Words{"w/z*.png"}), "infer_unet", 66, {"w/z*.png"});
  expect_failure(infer(dir.path(), model + Words{"-"}), "infer_unet", 66, {"standard input"});
}

TEST_F(InferOutputs, APageOfATiffIsChosen) {
  TiffForm first, second;
  first.width = second.width = 40;
  first.height = second.height = 30;
  const Picture shown = noise(40, 30, 1, 5);
  first.values.assign(1200, 0);
  second.values.assign(shown.pixels.begin(), shown.pixels.end());
  put(dir / "stack.tif", write_tiff({first, second}));
  put(dir / "plain.png", encode_png(shown));
  const Finished two = run({"stack.tif", "--page", "2", "--save-prob"});
  EXPECT_NE(two.err.find("stack.tif has 2 pages, of which page 2 is taken"), std::string::npos) << two.err;
  const std::string probability = text_of(dir / "out/prob/stack.png");
  run({"plain.png", "--save-prob"});
  EXPECT_EQ(text_of(dir / "out/prob/plain.png"), probability);
  run({"stack.tif", "--save-prob"});
  EXPECT_NE(text_of(dir / "out/prob/stack.png"), probability);
  const Words model{"--model", "model", "--out", "o"};
  expect_failure(infer(dir.path(), model + Words{"stack.tif", "--page", "3"}), "infer_unet", 65,
                 {"stack.tif", "2 pages", "page 3"});
  expect_failure(infer(dir.path(), model + Words{"plain.png", "--page", "2"}), "infer_unet", 65,
                 {"plain.png", "page 2"});
  EXPECT_FALSE(fs::exists(dir / "o"));
}

TEST_F(InferOutputs, SixteenBitsByPercentilesAreTheSamePictureInAnyScale) {
  const Picture grey = noise(60, 40, 1, 5);
  std::vector<std::uint32_t> faint, bytes(grey.pixels.begin(), grey.pixels.end());
  for (const std::uint32_t v : bytes) faint.push_back(300 + 5 * v);  // of 65535: nearly black
  put(dir / "faint.tif", tiff_page(60, 40, 16, faint));
  put(dir / "bytes.tif", tiff_page(60, 40, 8, bytes));
  run({"faint.tif", "bytes.tif", "--save-prob", "--normalise", "percentile"});
  const Picture a = read_grey(dir / "out/prob/faint.png"), b = read_grey(dir / "out/prob/bytes.png");
  EXPECT_EQ(a.pixels, b.pixels);
  run({"faint.tif", "bytes.tif", "--save-prob"});
  EXPECT_NE(read_grey(dir / "out/prob/faint.png").pixels, read_grey(dir / "out/prob/bytes.png").pixels);
}

TEST_F(InferOutputs, TheTableHasTheColumnsOfThePictureWithTheMostChannels) {
  save_checkpoint(dir / "model", constant_checkpoint(0.75));  // the picture is one nucleus
  put(dir / "grey.png", plain_png(40, 30, 1, 7));
  Picture colour(20, 20, 3);
  for (std::size_t i = 0; i < colour.pixels.size(); ++i) colour.pixels[i] = static_cast<std::uint8_t>(10 + i % 3);
  put(dir / "colour.png", encode_png(colour));
  const std::string columns =
      "id,label,area,centroid_x,centroid_y,bbox_x,bbox_y,bbox_width,bbox_height,eccentricity,major_axis,minor_axis,";
  run({"grey.png"});
  Words rows = lines_of(text_of(dir / "out/nuclei.csv"));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0], columns + "mean_intensity");
  EXPECT_TRUE(rows[1].starts_with("grey,1,1200,19.5")) << rows[1];
  run({"grey.png", "colour.png"});
  rows = lines_of(text_of(dir / "out/nuclei.csv"));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0], columns + "mean_intensity_0,mean_intensity_1,mean_intensity_2");
  const auto fields = [](const std::string& row) { return std::count(row.begin(), row.end(), ','); };
  for (const std::string& row : rows) EXPECT_EQ(fields(row), fields(rows[0])) << row;
  EXPECT_TRUE(rows[1].starts_with("colour,1,400,9.5")) << rows[1];
  EXPECT_TRUE(rows[2].ends_with(",,")) << rows[2];
  run({"grey.png", "--pixel-size", "0.5"});
  rows = lines_of(text_of(dir / "out/nuclei.csv"));
  EXPECT_NE(rows[0].find(",area_um2,"), std::string::npos);
  EXPECT_TRUE(rows[1].starts_with("grey,1,300")) << rows[1];
  run({"grey.png", "--no-table"});
  EXPECT_FALSE(fs::exists(dir / "out/nuclei.csv"));
}

TEST_F(InferOutputs, OneBrokenPictureOfFiveIsNamedAndCounted) {
  for (const char* name : {"a", "b", "d", "e"}) put(dir / "in" / (std::string(name) + ".png"), plain_png(30, 20, 3, 9));
  Bytes cut = plain_png(30, 20, 3, 9);
  cut.resize(cut.size() - 20);
  put(dir / "in/c.png", cut);
  const Finished finished = run({"in", "--kaggle-csv", "runs.csv", "--gallery"}, 75);
  EXPECT_TRUE(finished.out.starts_with("results: out\nimages: 4\nskipped: 1\nnuclei: ")) << finished.out;
  EXPECT_NE(finished.err.find("warning: skipped: in/c.png"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("\ninfer_unet: 1 of 5 pictures were skipped"), std::string::npos) << finished.err;
  EXPECT_EQ(first_fields(dir / "out/summary.csv"), (Words{"a", "b", "d", "e"}));
  EXPECT_EQ(text_of(dir / "runs.csv").find("\nc,"), std::string::npos);
  EXPECT_NE(text_of(dir / "out/gallery.html").find("in 4 pictures"), std::string::npos);
}

TEST_F(InferOutputs, RowsStandInThePicturesOrderWhateverTheThreadsAndBatches) {
  Words ids;
  for (int i = 0; i < 23; ++i) {
    ids.push_back("p" + std::to_string(100 + i));
    put(dir / "in" / (ids.back() + ".png"), encode_png(noise(20 + 37 * (i * 7 % 11), 30, 3, static_cast<unsigned>(i))));
  }
  for (const auto& [threads, batch] : {std::pair("1", "1"), {"2", "4"}, {"4", "16"}, {"3", "64"}}) {
    const std::string out = std::string("out") + threads;
    const Finished finished =
        run_child("infer_unet", {"in", "--model", "model", "--out", out, "--threads", threads, "--batch-size", batch},
                  dir.path());
    EXPECT_EQ(finished.status, 0) << finished.err;
    EXPECT_EQ(first_fields(dir / out / "summary.csv"), ids);
    Words of_nuclei = first_fields(dir / out / "nuclei.csv");
    EXPECT_TRUE(std::is_sorted(of_nuclei.begin(), of_nuclei.end()));
  }
}

TEST_F(InferOutputs, ALargePictureIsAnnounced) {
  save_checkpoint(dir / "model", constant_checkpoint(0.1));
  put(dir / "large.png", plain_png(4096, 4096, 1, 9));
  const Finished finished = run({"large.png", "--no-overlays", "--no-labels", "--no-table", "--no-masks"});
  EXPECT_NE(finished.err.find("large: 4096 x 4096 pixels in 1 window, at most about "), std::string::npos)
      << finished.err;
}

}  // namespace
}  // namespace karyon
