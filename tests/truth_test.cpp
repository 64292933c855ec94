// The true nuclei of a picture, from a mask a nucleus, one mask for all or a label image.
#include "apps/data/truth.h"

#include <array>

#include <gtest/gtest.h>

#include "tests/data_fixtures.h"
#include "tests/nuclei_fixtures.h"
#include "tests/tiff_writer.h"

namespace karyon {
namespace {

/// What the data set makes of a 6 x 4 picture with this mask.
Example with_mask(const std::string& name, const Bytes& mask) {
  const TempDir dir;
  put(dir / "inputs/a.png", plain_png(6, 4, 3, 9));
  put(dir / "masks" / name, mask);
  return Dataset(std::array{dir.path()}, Use::training).load_example(0);
}

/// Nuclei as text.
std::vector<std::string> found(const Example& example) {
  LabelImage image(6, 4);
  image.labels = *example.nuclei;
  return text_of(image);
}

/// A mask of these values.
Bytes mask_of(const std::vector<std::string>& rows, int scale) {
  Picture mask(6, 4, 1);
  mask.pixels = bytes_of(drawn(rows), scale);
  return encode_png(mask);
}

Bytes tiff_of(std::uint16_t bits, const std::vector<std::uint32_t>& values) {
  TiffForm form;
  form.width = 6;
  form.height = 4;
  form.bits = bits;
  form.values = values;
  return write_tiff({form});
}

TEST(Truth, OneMaskIsTakenApartWhereNotEvenCornersTouch) {
  const std::vector<std::string> rows{"2.2.2.", "2.2..2", "....2.", "2....."};
  const Example example = with_mask("a.png", mask_of(rows, 64));  // 128 counts
  EXPECT_EQ(found(example), (std::vector<std::string>{"1.2.3.", "1.2..3", "....3.", "4....."}));
  EXPECT_TRUE(example.warnings.empty());
  EXPECT_EQ(example.overlapping_pixels, 0);
}

TEST(Truth, OneMaskOfTheOtherLayoutToo) {
  const TempDir dir;
  put(dir / "a/images/a.png", plain_png(6, 4, 3, 9));
  put(dir / "a/masks/all.png", mask_of({"5..5..", "5..5..", "......", ".....5"}, 51));
  const Dataset data(std::array{dir.path()}, Use::inference);
  EXPECT_EQ(found(data.load_example(0)), (std::vector<std::string>{"1..2..", "1..2..", "......", ".....3"}));
  // Of two files each is one nucleus, whatever its parts.
  put(dir / "a/masks/more.png", mask_of({"......", "......", "5.....", "......"}, 51));
  EXPECT_EQ(found(Dataset(std::array{dir.path()}, Use::inference).load_example(0)),
            (std::vector<std::string>{"1..1..", "1..1..", "2.....", ".....1"}));
}

TEST(Truth, AMaskOf8BitsCountsFrom128WhateverItsFormat) {
  const Example faint = with_mask("a.png", mask_of({"1.....", "......", "......", "......"}, 127));
  EXPECT_EQ(found(faint), std::vector<std::string>(4, "......"));
  ASSERT_EQ(faint.warnings.size(), 1U);
  EXPECT_NE(faint.warnings[0].find("no pixel over 127 (its largest value is 127)"), std::string::npos);
  std::vector<std::uint32_t> values(24);
  values[0] = values[1] = 200;
  values[9] = 130;
  values[20] = 3;
  EXPECT_EQ(found(with_mask("a.tif", tiff_of(8, values))),
            (std::vector<std::string>{"11....", "...2..", "......", "......"}));
}

TEST(Truth, ALabelImagesNumbersAreTheNuclei) {
  const std::vector<std::string> touching{"1122..", "1122..", "..33..", "3....."};  // 3 in two parts
  const LabelImage labels = drawn(touching);
  std::vector<std::uint16_t> small(labels.labels.begin(), labels.labels.end());
  EXPECT_EQ(found(with_mask("a.png", encode_png16_grey(small, 6, 4))), touching);
  EXPECT_EQ(found(with_mask("a.tif", tiff_of(16, labels.labels))), touching);
  EXPECT_EQ(found(with_mask("a.tif", tiff_of(32, labels.labels))), touching);
  // Numbers may be any: these would need gigabytes if each number up to the largest were kept.
  std::vector<std::uint32_t> huge = labels.labels;
  for (std::uint32_t& label : huge) label = label == 0 ? 0 : 0xFFFFFFFFU - 7 * label;
  const Example example = with_mask("a.tif", tiff_of(32, huge));
  EXPECT_EQ(found(example), touching);
  EXPECT_TRUE(example.warnings.empty());
}

TEST(Truth, ALabelImageOfAnotherSizeOrOfColoursIsRefusedByName) {
  expect_error_with(Exit::bad_data, {"a.png is 4 x 6", "a.png is 6 x 4", "of one size"},
                    [&] { with_mask("a.png", encode_png16_grey(std::vector<std::uint16_t>(24), 4, 6)); });
  TiffForm colours;
  colours.width = 6;
  colours.height = 4;
  colours.bits = 16;
  colours.samples = 3;
  colours.photometric = PHOTOMETRIC_RGB;
  expect_error_with(Exit::bad_data, {"a.tif is no label image"}, [&] { with_mask("a.tif", write_tiff({colours})); });
}

}  // namespace
}  // namespace karyon
