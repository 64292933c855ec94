// PNG and JPEG in, PNG out: every form by its rule, and nothing broken passes.
#include <array>
#include <cstring>
#include <numeric>

#include <gtest/gtest.h>
#include <png.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb/stb_image_write.h>

#include "apps/images/decode.h"
#include "apps/images/png.h"
#include "tests/data_fixtures.h"

namespace karyon {
namespace {

struct RawPng {
  int width = 0, height = 0, depth = 8, colour = PNG_COLOR_TYPE_RGB;
  std::vector<Bytes> rows;  // as PNG stores them, packed
  std::vector<png_color> palette;
  Bytes palette_alpha;
  int interlace = PNG_INTERLACE_NONE;
};

Bytes write_raw(const RawPng& raw) {
  Bytes out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp handle, png_bytep data, std::size_t count) {
        auto* to = static_cast<Bytes*>(png_get_io_ptr(handle));
        to->insert(to->end(), data, data + count);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(raw.width), static_cast<png_uint_32>(raw.height), raw.depth,
               raw.colour, raw.interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!raw.palette.empty()) png_set_PLTE(png, info, raw.palette.data(), static_cast<int>(raw.palette.size()));
  if (!raw.palette_alpha.empty()) {
    png_set_tRNS(png, info, raw.palette_alpha.data(), static_cast<int>(raw.palette_alpha.size()), nullptr);
  }
  png_write_info(png, info);
  std::vector<png_bytep> rows;
  for (const Bytes& row : raw.rows) rows.push_back(const_cast<png_bytep>(row.data()));
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

/// Varied enough that deflate has something to do.
Picture pattern(int width, int height, int channels) {
  Picture picture(width, height, channels);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) {
    picture.pixels[i] = static_cast<std::uint8_t>((i * 37 + i * i / 11) % 256);
  }
  return picture;
}

Bytes jpeg_of(const Picture& picture) {
  Bytes out;
  stbi_write_jpg_to_func(
      [](void* to, void* data, int size) {
        const auto* bytes = static_cast<const std::uint8_t*>(data);
        static_cast<Bytes*>(to)->insert(static_cast<Bytes*>(to)->end(), bytes, bytes + size);
      },
      &out, picture.width, picture.height, picture.channels, picture.pixels.data(), 95);
  return out;
}

void put_size(Bytes& png, std::uint32_t width, std::uint32_t height) {
  for (unsigned i = 0; i < 4; ++i) {
    png[16 + i] = static_cast<std::uint8_t>(width >> (24 - 8 * i));
    png[20 + i] = static_cast<std::uint8_t>(height >> (24 - 8 * i));
  }
}

TEST(Png, RoundTripOfEveryNumberOfChannels) {
  const Picture rgb = pattern(31, 7, 3);
  EXPECT_EQ(decode_rgb(encode_png(rgb), "x").pixels, rgb.pixels);
  const Picture grey = pattern(5, 33, 1);
  EXPECT_EQ(decode_grey(encode_png(grey), "x").pixels, grey.pixels);
  const Picture rgba = pattern(4, 3, 4);
  const Picture back = decode_rgb(encode_png(rgba), "x");
  ASSERT_EQ(back.pixels.size(), 36U);
  for (std::size_t i = 0; i < 12; ++i) {  // whatever the alpha, 0 included
    for (std::size_t ch = 0; ch < 3; ++ch) EXPECT_EQ(back.pixels[3 * i + ch], rgba.pixels[4 * i + ch]);
  }
}

TEST(Png, SinglePixel) {
  const Picture back = decode_rgb(plain_png(1, 1, 1, 77), "x");
  EXPECT_EQ(back.width, 1);
  EXPECT_EQ(back.pixels, (Bytes{77, 77, 77}));
}

TEST(Png, LowDepthsOfGreyAreScaledToTheFullRange) {
  EXPECT_EQ(decode_grey(write_raw({8, 1, 1, PNG_COLOR_TYPE_GRAY, {{0b10100001}}, {}, {}}), "x").pixels,
            (Bytes{255, 0, 255, 0, 0, 0, 0, 255}));
  EXPECT_EQ(decode_grey(write_raw({4, 1, 2, PNG_COLOR_TYPE_GRAY, {{0b00011011}}, {}, {}}), "x").pixels,
            (Bytes{0, 85, 170, 255}));
  EXPECT_EQ(decode_grey(write_raw({2, 1, 4, PNG_COLOR_TYPE_GRAY, {{0x7F}}, {}, {}}), "x").pixels, (Bytes{119, 255}));
}

TEST(Png, OfSixteenBitsTheHighByteIsKept) {
  const Bytes rgb = write_raw({1, 1, 16, PNG_COLOR_TYPE_RGB, {{0x12, 0xFF, 0x80, 0x00, 0xFE, 0xFF}}, {}, {}});
  EXPECT_EQ(decode_rgb(rgb, "x").pixels, (Bytes{0x12, 0x80, 0xFE}));
  const Bytes grey = write_raw({2, 1, 16, PNG_COLOR_TYPE_GRAY, {{0x7F, 0xFF, 0x80, 0x00}}, {}, {}});
  EXPECT_EQ(decode_grey(grey, "x").pixels, (Bytes{0x7F, 0x80}));
}

TEST(Png, RawKeepsAllSixteenBitsWithoutAlpha) {
  const RawPicture raw =
      decode_raw(write_raw({2, 1, 16, PNG_COLOR_TYPE_GRAY_ALPHA, {{0x12, 0x34, 0, 0, 0xFE, 0xDC, 1, 2}}, {}, {}}), "x");
  EXPECT_EQ(raw.channels, 1);
  EXPECT_EQ(raw.bits, 16);
  EXPECT_EQ(raw.wide, (std::vector<std::uint16_t>{0x1234, 0xFEDC}));
}

TEST(Png, PaletteIsExpandedAndItsTransparencyDropped) {
  const std::vector<png_color> palette = {{10, 20, 30}, {200, 100, 50}, {1, 2, 3}};
  const Bytes png = write_raw({4, 1, 2, PNG_COLOR_TYPE_PALETTE, {{0b00011001}}, palette, {0, 128}});
  EXPECT_EQ(decode_rgb(png, "x").pixels, (Bytes{10, 20, 30, 200, 100, 50, 1, 2, 3, 200, 100, 50}));
}

TEST(Png, GreyWithAlphaLosesIt) {
  const Bytes png = write_raw({2, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, {{40, 0, 250, 255}}, {}, {}});
  EXPECT_EQ(decode_rgb(png, "x").pixels, (Bytes{40, 40, 40, 250, 250, 250}));
  EXPECT_EQ(decode_grey(png, "x").pixels, (Bytes{40, 250}));
}

TEST(Png, InterlacedIsTheSamePicture) {
  const Picture picture = pattern(13, 11, 3);
  RawPng raw{13, 11, 8, PNG_COLOR_TYPE_RGB, {}, {}, {}, PNG_INTERLACE_ADAM7};
  for (std::size_t y = 0; y < 11; ++y) {
    raw.rows.emplace_back(picture.pixels.begin() + static_cast<std::ptrdiff_t>(y * 39),
                          picture.pixels.begin() + static_cast<std::ptrdiff_t>(y * 39 + 39));
  }
  EXPECT_EQ(decode_rgb(write_raw(raw), "x").pixels, picture.pixels);
}

TEST(Png, ColourBecomesLuma) {
  Picture picture(4, 1, 3);
  picture.pixels = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
  EXPECT_EQ(decode_grey(encode_png(picture), "x").pixels, (Bytes{76, 150, 29, 255}));
}

TEST(Png, CutAnywhereIsAnError) {
  const Bytes whole = encode_png(pattern(40, 30, 3));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string message = error_of(Exit::bad_data, [&] { decode_rgb({whole.data(), length}, "cut.png"); });
    ASSERT_NE(message.find("cut.png"), std::string::npos) << "cut to " << length;
  }
}

TEST(Png, AFlippedBitAnywhereIsAnErrorInImagesAndMasks) {
  Bytes whole = encode_png(pattern(20, 16, 1));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    const auto bit = static_cast<std::uint8_t>(1U << (at % 8));
    whole[at] ^= bit;
    ASSERT_NE(error_of(Exit::bad_data, [&] { decode_rgb(whole, "x"); }), "") << "byte " << at;
    ASSERT_NE(error_of(Exit::bad_data, [&] { decode_grey(whole, "x"); }), "") << "byte " << at;
    whole[at] ^= bit;
  }
  EXPECT_NO_THROW(decode_rgb(whole, "x"));
}

TEST(Png, AFlippedBitInAnAncillaryChunkIsAnErrorToo) {
  // tEXt "a\0b" with a checksum of nothing, behind the header.
  Bytes png = plain_png(4, 4, 3, 9);
  const Bytes chunk = {0, 0, 0, 3, 't', 'E', 'X', 't', 'a', 0, 'b', 1, 2, 3, 4};
  png.insert(png.begin() + 33, chunk.begin(), chunk.end());
  expect_error_with(Exit::bad_data, {"x.png", "CRC"}, [&] { decode_rgb(png, "x.png"); });
}

TEST(Png, SizesAreCheckedInTheHeader) {
  Bytes png = plain_png(4, 4, 3, 9);
  put_size(png, 30000, 30000);
  expect_error_with(Exit::bad_data, {"bomb.png", "30000 x 30000", "limit of 268435456"},
                    [&] { decode_rgb(png, "bomb.png"); });
  put_size(png, 65536, 65536);  // 2^32: nothing, in 32 bits
  expect_error_with(Exit::bad_data, {"over the limit"}, [&] { decode_rgb(png, "x"); });
  put_size(png, 0, 4);
  expect_error_with(Exit::bad_data, {"0 x 4", "no image can have"}, [&] { decode_rgb(png, "x"); });
  put_size(png, 4, 0x80000000U);
  expect_error_with(Exit::bad_data, {"4 x 2147483648", "no image can have"}, [&] { decode_rgb(png, "x"); });
  put_size(png, 16000, 16000);  // within the limit, but not in so few bytes
  expect_error_with(Exit::bad_data, {"too little data for 16000 x 16000"}, [&] { decode_rgb(png, "x"); });
  EXPECT_NO_THROW(decode_rgb(plain_png(10, 10, 1, 0), "x", {100}));
  expect_error_with(Exit::bad_data, {"limit of 99"}, [] { decode_rgb(plain_png(10, 10, 1, 0), "x", {99}); });
}

TEST(Png, AnEmptyLargePictureIsNoBomb) {
  EXPECT_EQ(decode_grey(plain_png(3000, 3000, 1, 0), "x").pixels.size(), 9000000U);
}

TEST(Png, AnimatedIsRefusedByName) {
  Bytes png = plain_png(4, 4, 3, 9);
  const Bytes chunk = {0, 0, 0, 8, 'a', 'c', 'T', 'L', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0};
  png.insert(png.begin() + 33, chunk.begin(), chunk.end());
  expect_error_with(Exit::bad_data, {"x.png", "animated PNG"}, [&] { decode_rgb(png, "x.png"); });
}

TEST(Decode, OtherFormatsAreRefusedByName) {
  const auto refuse = [](const std::string& bytes, const std::string& guess) {
    expect_error_with(Exit::bad_data, {"a.png", "not a PNG, JPEG or TIFF", guess},
                      [&] { decode_rgb(to_bytes(bytes), "a.png"); });
  };
  refuse("", "the file is empty");
  refuse("this is text", "no image format known here");
  refuse("BM......", "BMP");
  refuse("GIF89a..", "GIF");
  refuse("PK\3\4....", "zip");
}

TEST(Jpeg, ComesBackAlmostTheSame) {
  Picture picture(48, 40, 3);
  for (std::size_t i = 0; i < picture.count(); ++i) {
    picture.pixels[3 * i] = static_cast<std::uint8_t>(i % 48 * 5);
    picture.pixels[3 * i + 1] = static_cast<std::uint8_t>(i / 48 * 6);
    picture.pixels[3 * i + 2] = 90;
  }
  const Picture back = decode_rgb(jpeg_of(picture), "x");
  ASSERT_EQ(back.width, 48);
  ASSERT_EQ(back.height, 40);
  ASSERT_EQ(back.pixels.size(), picture.pixels.size());
  for (std::size_t i = 0; i < back.pixels.size(); ++i) EXPECT_NEAR(back.pixels[i], picture.pixels[i], 12) << i;
  const Picture grey = decode_grey(jpeg_of(plain_picture(16, 16, 3, 200)), "x");
  EXPECT_EQ(grey.channels, 1);
  for (const std::uint8_t value : grey.pixels) EXPECT_NEAR(value, 200, 2);
}

TEST(Jpeg, CutAnywhereIsAnError) {
  const Bytes whole = jpeg_of(pattern(32, 32, 3));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    ASSERT_NE(error_of(Exit::bad_data, [&] { decode_rgb({whole.data(), length}, "x.jpg"); }), "") << length;
  }
  expect_error_with(Exit::bad_data, {"x.jpg", "cut short"}, [&] {
    decode_rgb({whole.data(), whole.size() / 2}, "x.jpg");
  });
}

TEST(Jpeg, AnEndMarkerWithinASegmentIsNotTheEnd) {
  Bytes jpeg = jpeg_of(plain_picture(16, 16, 3, 60));
  const Bytes thumbnail = {0xFF, 0xE1, 0, 6, 0xFF, 0xD8, 0xFF, 0xD9};  // APP1 with a picture of its own
  jpeg.insert(jpeg.begin() + 2, thumbnail.begin(), thumbnail.end());
  EXPECT_NO_THROW(decode_rgb(jpeg, "x"));
  jpeg.erase(jpeg.end() - 2, jpeg.end());
  expect_error_with(Exit::bad_data, {"cut short"}, [&] { decode_rgb(jpeg, "x"); });
}

std::size_t frame_header(const Bytes& jpeg) {
  for (std::size_t i = 2; i + 1 < jpeg.size(); ++i) {
    if (jpeg[i] == 0xFF && jpeg[i + 1] == 0xC0) return i;
  }
  throw std::runtime_error("no SOF0");
}

TEST(Jpeg, SizeAndColoursAreCheckedInTheHeader) {
  const Bytes jpeg = jpeg_of(plain_picture(16, 16, 3, 60));
  const std::size_t frame = frame_header(jpeg);
  Bytes cmyk = jpeg;
  cmyk[frame + 9] = 4;
  expect_error_with(Exit::bad_data, {"x.jpg", "CMYK"}, [&] { decode_rgb(cmyk, "x.jpg"); });
  Bytes flat = jpeg;
  flat[frame + 5] = flat[frame + 6] = 0;
  expect_error_with(Exit::bad_data, {"x.jpg", "16 x 0"}, [&] { decode_rgb(flat, "x.jpg"); });
  Bytes huge = jpeg;
  for (std::size_t i = 5; i < 9; ++i) huge[frame + i] = 0xFF;
  expect_error_with(Exit::bad_data, {"65535 x 65535", "over the limit"}, [&] { decode_rgb(huge, "x.jpg"); });
}

TEST(Jpeg, RandomDamageNeverCrashes) {
  const Bytes whole = jpeg_of(pattern(24, 24, 3));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    Bytes damaged = whole;
    damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ 0x5AU);
    try {
      const Picture picture = decode_rgb(damaged, "x");
      EXPECT_EQ(picture.pixels.size(), picture.count() * 3);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data);
    }
  }
}

}  // namespace
}  // namespace karyon
