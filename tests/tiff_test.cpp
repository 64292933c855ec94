// TIFF in every form that is read, refused by name where it is not, and whole or not at all.
#include "apps/images/tiff.h"

#include <cstring>
#include <thread>

#include <gtest/gtest.h>

#include "tests/data_fixtures.h"
#include "tests/mutations.h"
#include "tests/seeds.h"
#include "tests/tiff_writer.h"

namespace karyon {
namespace {

TiffForm form(std::uint16_t bits, std::uint16_t samples = 1, std::uint32_t width = 19, std::uint32_t height = 10) {
  TiffForm form;
  form.width = width;
  form.height = height;
  form.bits = bits;
  form.samples = samples;
  form.photometric = samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
  if (samples == 2 || samples == 4) form.extra = {EXTRASAMPLE_UNASSALPHA};
  return form;
}

std::vector<std::uint32_t> samples_of(const RawPicture& raw) {
  std::vector<std::uint32_t> samples;
  for (std::size_t i = 0; i < raw.samples(); ++i) samples.push_back(raw.sample(i));
  return samples;
}

/// The stored values without alpha.
std::vector<std::uint32_t> colours_of(const TiffForm& form) {
  const std::vector<std::uint32_t> all = form.values.empty() ? pattern_of(form) : form.values;
  const std::size_t kept = form.samples >= 3 ? 3 : 1;
  std::vector<std::uint32_t> colours;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i % form.samples < kept) colours.push_back(all[i]);
  }
  return colours;
}

void expect_read(const TiffForm& form, const std::string& mode, const std::string& what) {
  const RawPicture raw = decode_raw(write_tiff({form}, mode), "a.tif");
  EXPECT_EQ(raw.width, static_cast<int>(form.width)) << what;
  EXPECT_EQ(raw.height, static_cast<int>(form.height)) << what;
  EXPECT_EQ(raw.bits, form.bits) << what;
  EXPECT_EQ(raw.pages, 1) << what;
  EXPECT_EQ(samples_of(raw), colours_of(form)) << what;
}

TEST(Tiff, StripsAndTilesTogetherAndInPlanesInBothByteOrders) {
  for (const std::uint16_t bits : {8, 16}) {
    for (const std::uint16_t samples : {1, 2, 3, 4}) {
      for (const bool in_planes : {false, true}) {
        for (const std::uint32_t tile : {0U, 16U}) {
          for (const char* mode : {"wl", "wb", "wl8", "wb8"}) {
            TiffForm one = form(bits, samples);
            one.in_planes = in_planes;
            one.tile = tile;
            expect_read(one, mode,
                        std::to_string(bits) + " bits, " + std::to_string(samples) + " samples, planes " +
                            std::to_string(in_planes) + ", tile " + std::to_string(tile) + ", " + mode);
          }
        }
      }
    }
  }
}

TEST(Tiff, EveryLosslessCompressionThatLibtiffHas) {
  for (const std::uint16_t compression :
       {COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS, COMPRESSION_LZMA, COMPRESSION_ZSTD}) {
    if (TIFFIsCODECConfigured(compression) == 0) continue;
    TiffForm one = form(16, 3);
    one.compression = compression;
    expect_read(one, "w", "compression " + std::to_string(compression));
  }
}

TEST(Tiff, JpegWithinTiffComesBackAlmostTheSame) {
  TiffForm one = form(8, 3, 32, 32);
  one.compression = COMPRESSION_JPEG;
  one.photometric = PHOTOMETRIC_YCBCR;
  one.rows = 16;
  for (std::uint32_t i = 0; i < 32 * 32; ++i) {
    for (const std::uint32_t value : {i % 32 * 7, i / 32 * 8, 90U}) one.values.push_back(value);
  }
  const RawPicture raw = decode_raw(write_tiff({one}), "a.tif");
  ASSERT_EQ(raw.samples(), one.values.size());
  for (std::size_t i = 0; i < raw.samples(); ++i) EXPECT_NEAR(raw.sample(i), one.values[i], 20) << i;
}

TEST(Tiff, LowDepthsAreScaledToTheFullRange) {
  for (const std::uint16_t bits : {1, 2, 4}) {
    const TiffForm one = form(bits);
    std::vector<std::uint32_t> expected = pattern_of(one);
    for (std::uint32_t& value : expected) value = value * 255 / ((1U << bits) - 1);
    EXPECT_EQ(samples_of(decode_raw(write_tiff({one}), "a.tif")), expected) << bits;
  }
}

TEST(Tiff, WhereZeroIsWhiteItIsTurnedRound) {
  for (const std::uint16_t bits : {1, 8, 16}) {
    TiffForm one = form(bits, 1, 4, 1);
    one.photometric = PHOTOMETRIC_MINISWHITE;
    const std::uint32_t full = (1U << bits) - 1, shown = bits == 16 ? 65535 : 255;
    one.values = {0, full, full, 0};
    EXPECT_EQ(samples_of(decode_raw(write_tiff({one}), "a.tif")), (std::vector<std::uint32_t>{shown, 0, 0, shown}));
  }
}

TEST(Tiff, PaletteIsExpanded) {
  TiffForm one = form(2, 1, 4, 1);
  one.photometric = PHOTOMETRIC_PALETTE;
  one.values = {0, 1, 2, 3};
  one.palette = {0, 0x1234, 0xFFFF, 0, 0x8000, 0, 0x100, 0, 0, 0, 0x7FFF, 0x4000};
  EXPECT_EQ(decode_raw(write_tiff({one}), "a.tif").narrow, (Bytes{0, 0x80, 0, 0x12, 0, 0, 0xFF, 1, 0x7F, 0, 0, 0x40}));
  one.palette = {0, 10, 255, 0, 1, 0, 2, 0, 0, 0, 3, 4};  // 8 bits, as some old programs wrote
  EXPECT_EQ(decode_raw(write_tiff({one}), "a.tif").narrow, (Bytes{0, 1, 0, 10, 0, 0, 255, 2, 3, 0, 0, 4}));
}

TEST(Tiff, RgbAndGreyStandOnIt) {
  TiffForm one = form(16, 1, 2, 1);
  one.values = {0x12FF, 0x8000};
  const Bytes file = write_tiff({one});
  EXPECT_EQ(decode_rgb(file, "x").pixels, (Bytes{0x12, 0x12, 0x12, 0x80, 0x80, 0x80}));
  EXPECT_EQ(decode_grey(file, "x").pixels, (Bytes{0x12, 0x80}));
}

TEST(Tiff, PagesAreChosenAndCounted) {
  const TiffForm first = form(8, 1, 5, 4), second = form(16, 3, 3, 6);
  const Bytes file = write_tiff({first, second});
  EXPECT_EQ(samples_of(decode_raw(file, "a.tif")), colours_of(first));
  const RawPicture raw = decode_raw(file, "a.tif", {}, 1);
  EXPECT_EQ(samples_of(raw), colours_of(second));
  EXPECT_EQ(raw.pages, 2);
  expect_error_with(Exit::bad_data, {"a.tif", "2 pages", "no page 3"}, [&] { decode_raw(file, "a.tif", {}, 2); });
  expect_error_with(Exit::bad_data, {"a.png", "1 page", "no page 2"},
                    [] { decode_raw(plain_png(2, 2, 1, 0), "a.png", {}, 1); });
}

TEST(Tiff, WhatCannotBeReadIsRefusedByName) {
  const auto refuse = [](TiffForm one, const std::string& what) {
    const Bytes file = write_tiff({one});
    expect_error_with(Exit::bad_data, {"a.tif", what}, [&] { decode_raw(file, "a.tif"); });
  };
  TiffForm one = form(32);
  refuse(one, "32-bit pixels");
  one.format = SAMPLEFORMAT_IEEEFP;
  refuse(one, "32-bit floating-point pixels");
  one = form(16);
  one.format = SAMPLEFORMAT_INT;
  refuse(one, "16-bit signed pixels");
  one = form(8, 5);
  one.photometric = PHOTOMETRIC_MINISBLACK;
  one.extra = {0, 0, 0, 0};
  refuse(one, "5 channels");
  one = form(8, 3);
  one.photometric = PHOTOMETRIC_MINISBLACK;
  one.extra = {0, 0};
  refuse(one, "3 channels that are no RGB");
  one = form(8, 4);
  one.photometric = PHOTOMETRIC_SEPARATED;
  one.extra = {};
  refuse(one, "CMYK");
}

/// Where the value of a tag of a little-endian TIFF with one page stands.
std::size_t value_of(const Bytes& file, std::uint16_t tag) {
  std::uint32_t at = 0;
  std::memcpy(&at, &file[4], 4);
  const std::size_t count = file[at] + 256U * file[at + 1];
  for (std::size_t entry = at + 2; entry < at + 2 + 12 * count; entry += 12) {
    if (file[entry] + 256U * file[entry + 1] == tag) return entry + 8;
  }
  throw std::runtime_error("no such tag");
}

void put32(Bytes& file, std::size_t at, std::uint32_t value) { std::memcpy(&file[at], &value, 4); }

/// Small values are stored in 16 bits.
void put_tag(Bytes& file, std::uint16_t tag, std::uint32_t value) {
  const std::size_t at = value_of(file, tag);
  file[at - 6] = TIFF_LONG;
  put32(file, at, value);
}

TEST(Tiff, SizesAreCheckedBeforeAnythingIsAllocated) {
  TiffForm one = form(8);
  one.rows = one.height;
  const Bytes strips = write_tiff({one}, "wl");
  const auto refuse = [](Bytes file, const std::vector<std::pair<std::uint16_t, std::uint32_t>>& changes,
                         const std::string& what) {
    for (const auto& [tag, value] : changes) put_tag(file, tag, value);
    expect_error_with(Exit::bad_data, {"a.tif", what}, [&] { decode_raw(file, "a.tif"); });
  };
  refuse(strips, {{TIFFTAG_IMAGEWIDTH, 30000}, {TIFFTAG_IMAGELENGTH, 30000}}, "limit of 268435456");
  refuse(strips, {{TIFFTAG_IMAGEWIDTH, 65536}, {TIFFTAG_IMAGELENGTH, 65536}}, "over the limit");
  refuse(strips, {{TIFFTAG_IMAGEWIDTH, 0}}, "a.tif");
  refuse(strips, {{TIFFTAG_IMAGEWIDTH, 0x80000000U}}, "no image can have");
  const std::vector<std::pair<std::uint16_t, std::uint32_t>> bomb{
      {TIFFTAG_IMAGEWIDTH, 16000}, {TIFFTAG_IMAGELENGTH, 16000}, {TIFFTAG_ROWSPERSTRIP, 16000}};
  refuse(strips, bomb, "lies beyond the file's end");
  one.compression = COMPRESSION_ADOBE_DEFLATE;
  refuse(write_tiff({one}, "wl"), bomb, "too little data for 16000 x 16000");
  one.tile = 16;
  const Bytes tiles = write_tiff({one}, "wl");
  refuse(tiles, {{TIFFTAG_TILEWIDTH, 0}}, "a.tif");
  refuse(tiles, {{TIFFTAG_TILEWIDTH, 1U << 20}, {TIFFTAG_TILELENGTH, 1U << 12}}, "over the limit of 67108864");
  EXPECT_NO_THROW(decode_raw(strips, "x", {190}));
  expect_error_with(Exit::bad_data, {"limit of 189"}, [&] { decode_raw(strips, "x", {189}); });
}

TEST(Tiff, ACircleOfPagesIsAnError) {
  Bytes file = write_tiff({form(8)}, "wl");
  std::uint32_t at = 0;
  std::memcpy(&at, &file[4], 4);
  put32(file, at + 2 + 12 * (file[at] + 256U * file[at + 1]), at);  // the next page is this one
  expect_error_with(Exit::bad_data, {"a.tif", "list of pages"}, [&] { decode_raw(file, "a.tif"); });
}

TEST(Tiff, AStripBeyondTheEndIsAnError) {
  TiffForm one = form(8);
  one.rows = one.height;
  Bytes file = write_tiff({one}, "wl");
  put_tag(file, TIFFTAG_STRIPOFFSETS, static_cast<std::uint32_t>(file.size() - 100));
  expect_error_with(Exit::bad_data, {"a.tif", "strip 0 lies beyond"}, [&] { decode_raw(file, "a.tif"); });
}

TEST(Tiff, CutOffPixelsAreAnErrorForEveryCompression) {
  for (const std::uint16_t compression :
       {COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS, COMPRESSION_JPEG, COMPRESSION_CCITTFAX4}) {
    TiffForm one = form(compression == COMPRESSION_CCITTFAX4 ? 1 : 8, 1, 64, 64);
    one.compression = compression;
    one.rows = 64;
    Bytes file = write_tiff({one}, "wl");
    const std::size_t at = value_of(file, TIFFTAG_STRIPBYTECOUNTS);
    put_tag(file, TIFFTAG_STRIPBYTECOUNTS, (file[at] + 256U * file[at + 1]) / 2);
    EXPECT_NE(error_of(Exit::bad_data, [&] { decode_raw(file, "a.tif"); }), "") << compression;
  }
}

TEST(Tiff, DamageAnywhereIsRefusedOrReadWholeAndSaysNothingOnStderr) {
  testing::internal::CaptureStderr();
  for (const Seed& seed : tiff_seeds()) {
    int refused = 0;
    for_each_mutation(seed.bytes, {}, [&](const Bytes& bytes, const std::string& how) {
      for (const bool as_labels : {false, true}) {
        try {
          if (as_labels) {
            const LabelRaster raster = decode_labels(bytes, "the-file", {1 << 16});
            EXPECT_EQ(raster.labels.size(), static_cast<std::size_t>(raster.width * raster.height)) << how;
          } else {
            const RawPicture raw = decode_raw(bytes, "the-file", {1 << 16});
            EXPECT_EQ(raw.narrow.size() + raw.wide.size(), raw.samples()) << seed.name << " " << how;
          }
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), Exit::bad_data) << how;
          EXPECT_EQ(std::string(error.what()).rfind("the-file", 0), 0U) << error.what();
          ++refused;
        }
      }
    });
    EXPECT_GT(refused, 64) << seed.name;
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Tiff, ManyThreadsReadAFileEach) {
  const TiffForm good = form(16, 3, 64, 64);
  const Bytes file = write_tiff({good});
  Bytes broken = file;
  broken.resize(file.size() / 2);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int& one : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        if (samples_of(decode_raw(file, "x")) != colours_of(good)) ++one;
        try {
          decode_raw(broken, "x");
          ++one;
        } catch (const Error&) {
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

TEST(Labels, AreReadUnscaledFromTiffAndPng) {
  for (const std::uint16_t bits : {8, 16, 32}) {
    const TiffForm one = form(bits);
    const LabelRaster raster = decode_labels(write_tiff({one}), "x");
    EXPECT_EQ(raster.width, 19);
    EXPECT_EQ(raster.height, 10);
    EXPECT_EQ(raster.labels, pattern_of(one)) << bits;
  }
  const std::vector<std::uint16_t> wide{0, 1, 255, 256, 65535, 7};
  const LabelRaster raster = decode_labels(encode_png16_grey(wide, 3, 2), "x");
  EXPECT_EQ(raster.width, 3);
  EXPECT_EQ(raster.labels, (std::vector<std::uint32_t>{0, 1, 255, 256, 65535, 7}));
  EXPECT_EQ(decode_labels(plain_png(2, 1, 1, 9), "x").labels, (std::vector<std::uint32_t>{9, 9}));
}

TEST(Labels, ColoursAndLowDepthsAreRefused) {
  const std::string what = "no label image";
  expect_error_with(Exit::bad_data, {"l.png", what}, [] { decode_labels(plain_png(2, 2, 3, 0), "l.png"); });
  expect_error_with(Exit::bad_data, {"l.jpg", what}, [] { decode_labels(to_bytes("\xFF\xD8\xFF"), "l.jpg"); });
  for (const TiffForm& one : {form(1), form(8, 3)}) {
    const Bytes file = write_tiff({one});
    expect_error_with(Exit::bad_data, {"l.tif", what}, [&] { decode_labels(file, "l.tif"); });
  }
}

TEST(Labels, WrittenAsTiffComeBackFromManyStrips) {
  const int width = 1000, height = 700;  // three strips
  std::vector<std::uint32_t> labels(static_cast<std::size_t>(width) * height);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::uint32_t>(i / 50 * 65539);
  const Bytes file = encode_tiff_labels32(labels, width, height);
  EXPECT_LT(file.size(), labels.size());
  EXPECT_EQ(decode_labels(file, "x").labels, labels);
  EXPECT_EQ(decode_labels(encode_tiff_labels32(std::vector<std::uint32_t>{4000000000U}, 1, 1), "x").labels,
            std::vector<std::uint32_t>{4000000000U});
}

}  // namespace
}  // namespace karyon
