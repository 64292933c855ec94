// The files about one picture, and the page of all.
#include "apps/inference/outputs.h"

#include <algorithm>
#include <array>
#include <numeric>

#include <gtest/gtest.h>

#include "apps/images/decode.h"
#include "apps/inference/gallery.h"
#include "apps/nuclei/regions.h"
#include "tests/data_fixtures.h"
#include "tests/nuclei_fixtures.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

EightBits grey(int width, int height, std::uint8_t value) {
  RawPicture raw(width, height, 1, 8);
  std::ranges::fill(raw.narrow, value);
  return {std::move(raw), Normalise::plain};
}

/// What lies in a new folder after `write` has put the files of a picture there.
template <typename Write>
std::vector<std::string> written(const TempDir& dir, const OutputChoice& choice, Write write) {
  OutputFolder folder((dir / "out").string(), "", false);
  write(Outputs(folder, choice));
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(dir / "out")) {
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(dir / "out").string());
  }
  std::ranges::sort(files);
  return files;
}

TEST(Outputs, AreWhatWasAskedForUnderThePicturesName) {
  const LabelImage nuclei = drawn({"11.2", "1..2", "...."});
  const ProbabilityMaps maps{4, 3, Bytes(12, 77), {}};
  const auto write = [&](const Outputs& outputs) {
    outputs.write_probabilities("a b", maps);
    outputs.write_nuclei("a b", grey(4, 3, 50), nuclei);
  };
  const TempDir all, few;
  OutputChoice choice;
  EXPECT_EQ(written(few, choice, write),
            (std::vector<std::string>{"labels/a b.png", "masks/a b.png", "overlays/a b.png"}));
  choice.probabilities = choice.geojson = true;
  choice.masks = choice.overlays = false;
  EXPECT_EQ(written(all, choice, write),
            (std::vector<std::string>{"geojson/a b.geojson", "labels/a b.png", "prob/a b.png"}));
  const Picture probability = decode_grey(read_file(all / "out/prob/a b.png"), "prob");
  EXPECT_EQ(probability.pixels, maps.nucleus);
}

TEST(Outputs, LabelsAreTheNucleiAndMasksWhereOneIs) {
  LabelImage nuclei(300, 250);
  for (std::size_t i = 0; i < nuclei.labels.size(); ++i)
    nuclei.labels[i] = i % 7 == 0 ? 0 : static_cast<std::uint32_t>(i);
  renumber(nuclei);
  ASSERT_GT(nuclei.count, 255U);
  ASSERT_LE(nuclei.count, 65535U);
  const TempDir dir;
  written(dir, {}, [&](const Outputs& outputs) { outputs.write_nuclei("n", grey(300, 250, 9), nuclei); });
  const Bytes png = read_file(dir / "out/labels/n.png");
  EXPECT_EQ(png[24], 16) << "bits";
  EXPECT_EQ(decode_labels(png, "n").labels, nuclei.labels);
  const Picture mask = decode_grey(read_file(dir / "out/masks/n.png"), "n");
  for (std::size_t i = 0; i < mask.pixels.size(); ++i) ASSERT_EQ(mask.pixels[i], nuclei.labels[i] != 0 ? 255 : 0);
}

TEST(Outputs, MoreNucleiThan16BitsHoldAreATiff) {
  OutputChoice choice;
  choice.masks = choice.overlays = false;
  for (const std::uint32_t count : {65535U, 65536U}) {
    LabelImage nuclei(256, 257);
    std::iota(nuclei.labels.begin(), nuclei.labels.begin() + count, 1U);
    nuclei.count = count;
    const TempDir dir;
    const std::string name = count > 65535 ? "labels/n.tif" : "labels/n.png";
    EXPECT_EQ(
        written(dir, choice, [&](const Outputs& outputs) { outputs.write_nuclei("n", grey(256, 257, 9), nuclei); }),
        std::vector<std::string>{name});
    EXPECT_EQ(decode_labels(read_file(dir / ("out/" + name)), "n").labels, nuclei.labels);
  }
}

TEST(Outputs, IntensitiesAreThePicturesOwn) {
  RawPicture raw(2, 2, 1, 16);
  raw.wide = {1000, 3000, 50000, 7};
  LabelImage nuclei = drawn({"11", "2."});
  const std::vector<Region> regions = measure_regions(nuclei, raw);
  ASSERT_EQ(regions.size(), 2U);
  EXPECT_EQ(regions[0].mean_intensity[0], 2000);
  EXPECT_EQ(regions[1].mean_intensity[0], 50000);
  RawPicture colours(2, 2, 3, 8);
  colours.narrow = {10, 20, 30, 20, 40, 60, 1, 2, 3, 255, 255, 255};
  EXPECT_EQ(measure_regions(nuclei, colours)[0].mean_intensity, (std::array<double, 3>{15, 30, 45}));
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Gallery, IsOneFileWithAPictureEachAndNoAddress) {
  std::string cards;
  for (const char* id : {"plain", "<script>alert(1)</script>", "\"quoted\" & more"}) {
    cards += gallery_card(id, grey(40, 30, 9), LabelImage(40, 30));
  }
  const std::string page = gallery_page(cards, 3, 12);
  EXPECT_EQ(occurrences(page, "<img "), 3U);
  EXPECT_EQ(occurrences(page, "src=\"data:image/png;base64,"), 3U);
  EXPECT_EQ(occurrences(page, "src="), 3U);
  for (const char* refused : {"http", "href", "url(", "<script", "@import", "\"quoted\""}) {
    EXPECT_EQ(occurrences(page, refused), 0U) << refused;
  }
  EXPECT_EQ(occurrences(page, "&lt;script&gt;alert(1)&lt;/script&gt;"), 2U);  // alternative text and caption
  EXPECT_NE(page.find("12 nuclei in 3 pictures"), std::string::npos);
}

/// The bytes of the first picture of a card.
Bytes picture_in(const std::string& card) {
  const std::size_t begin = card.find("base64,") + 7, end = card.find('"', begin);
  Bytes bytes;
  unsigned held = 0, bits = 0;
  for (std::size_t i = begin; i < end && card[i] != '='; ++i) {
    const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    held = held << 6U | static_cast<unsigned>(digits.find(card[i]));
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<std::uint8_t>(held >> bits));
  }
  return bytes;
}

TEST(Gallery, ThumbnailsKeepTheirShapeAndShowTheNuclei) {
  for (const auto& [width, height, small_width, small_height] :
       {std::array{1000, 500, 320, 160}, {100, 60, 100, 60}, {5, 4000, 1, 320}}) {
    LabelImage nuclei(width, height);
    for (int y = height / 4; y < height / 2; ++y) {
      for (int x = 0; x < width; ++x) nuclei.labels[nuclei.index(x, y)] = 1;
    }
    nuclei.count = 1;
    const std::string card = gallery_card("n", grey(width, height, 50), nuclei);
    const Picture thumbnail = decode_rgb(picture_in(card), "thumbnail");
    EXPECT_EQ(thumbnail.width, small_width);
    EXPECT_EQ(thumbnail.height, small_height);
    const auto outlined = std::ranges::count_if(thumbnail.pixels, [](std::uint8_t v) { return v != 50; });
    EXPECT_GT(outlined, 0) << width;
    EXPECT_NE(card.find("1 nucleus, " + std::to_string(width) + " x " + std::to_string(height)), std::string::npos);
  }
}

}  // namespace
}  // namespace karyon
