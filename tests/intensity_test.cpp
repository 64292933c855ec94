// 16 bits to 8 by both rules, and windows that reach beyond the picture, against plain formulas.
#include "apps/images/intensity.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/data_fixtures.h"

namespace karyon {
namespace {

RawPicture raw_pattern(int width, int height, int channels, int bits) {
  RawPicture raw(width, height, channels, bits);
  for (std::size_t i = 0; i < raw.samples(); ++i) {
    const std::size_t value = (i * 7919 + i * i * 31) % 1500 + 300;
    if (bits == 8) {
      raw.narrow[i] = static_cast<std::uint8_t>(value % 200 + 20);
    } else {
      raw.wide[i] = static_cast<std::uint16_t>(value);
    }
  }
  return raw;
}

/// numpy.percentile, by sorting.
double sorted_percentile(const RawPicture& raw, double percent) {
  std::vector<double> values;
  for (std::size_t i = 0; i < raw.samples(); ++i) values.push_back(raw.sample(i));
  std::ranges::sort(values);
  const double rank = percent / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const double above = values[std::min(below + 1, values.size() - 1)];
  return values[below] + (above - values[below]) * (rank - static_cast<double>(below));
}

TEST(Intensity, PlainKeepsEightBitsAndTheHighByteOfSixteen) {
  const RawPicture narrow = raw_pattern(5, 3, 3, 8);
  EXPECT_EQ(to_eight_bits(narrow, Normalise::plain).pixels, narrow.narrow);
  RawPicture wide(3, 1, 1, 16);
  wide.wide = {0x00FF, 0x1280, 0xFFFF};
  const Picture picture = to_eight_bits(wide, Normalise::plain);
  EXPECT_EQ(picture.channels, 1);
  EXPECT_EQ(picture.pixels, (Bytes{0, 0x12, 0xFF}));
  EXPECT_EQ(EightBits(wide, Normalise::plain).rgb().pixels, (Bytes{0, 0, 0, 0x12, 0x12, 0x12, 0xFF, 0xFF, 0xFF}));
}

TEST(Intensity, PercentilesAreThoseOfTheSortedSamples) {
  for (const int bits : {8, 16}) {
    for (const int width : {1, 2, 7, 40}) {
      const RawPicture raw = raw_pattern(width, 13, 3, bits);
      for (const double percent : {0.0, 1.0, 33.3, 50.0, 99.8, 100.0}) {
        EXPECT_DOUBLE_EQ(percentile(raw, percent), sorted_percentile(raw, percent)) << bits << ' ' << percent;
      }
    }
  }
}

TEST(Intensity, PercentilesAreMappedToTheFullRange) {
  for (const int channels : {1, 3}) {
    for (const int bits : {8, 16}) {
      const RawPicture raw = raw_pattern(50, 40, channels, bits);
      const double low = sorted_percentile(raw, 1), high = sorted_percentile(raw, 99.8);
      const Picture picture = to_eight_bits(raw, Normalise::percentile);
      ASSERT_EQ(picture.channels, channels);
      for (std::size_t i = 0; i < raw.samples(); ++i) {
        const double mapped = std::clamp((raw.sample(i) - low) / (high - low), 0.0, 1.0) * 255;
        EXPECT_EQ(picture.pixels[i], std::lround(mapped)) << i;
      }
    }
  }
}

TEST(Intensity, APictureOfOneValueIsBlackAndWhatStandsOutOfItWhite) {
  RawPicture raw(40, 40, 1, 16);
  std::ranges::fill(raw.wide, std::uint16_t{5000});
  EXPECT_EQ(to_eight_bits(raw, Normalise::percentile).pixels, Bytes(1600, 0));
  raw.wide[3] = 5001;
  Bytes expected(1600, 0);
  expected[3] = 255;
  EXPECT_EQ(to_eight_bits(raw, Normalise::percentile).pixels, expected);
}

/// numpy.pad(line, mode='reflect'), a step at a time.
int bounce(int i, int n) {
  if (n == 1) return 0;
  while (i < 0 || i >= n) i = i < 0 ? -i : 2 * (n - 1) - i;
  return i;
}

TEST(Window, IsMirroredBeyondTheBorders) {
  for (const int channels : {1, 3}) {
    for (const auto& [width, height] : {std::pair{7, 5}, {1, 4}, {6, 1}, {1, 1}, {2, 2}}) {
      const Picture picture = to_eight_bits(raw_pattern(width, height, channels, 8), Normalise::plain);
      const int x = -17, y = -9, w = 40, h = 30;
      Bytes window(static_cast<std::size_t>(w * h * 3));
      EightBits(raw_pattern(width, height, channels, 8), Normalise::plain).window_rgb(x, y, w, h, window.data());
      for (int v = 0; v < h; ++v) {
        for (int u = 0; u < w; ++u) {
          for (int ch = 0; ch < 3; ++ch) {
            const int from =
                (bounce(y + v, height) * width + bounce(x + u, width)) * channels + (channels == 3 ? ch : 0);
            ASSERT_EQ(window[static_cast<std::size_t>((v * w + u) * 3 + ch)],
                      picture.pixels[static_cast<std::size_t>(from)])
                << width << 'x' << height << " at " << u << ' ' << v;
          }
        }
      }
    }
  }
}

TEST(Window, WithinThePictureIsACopy) {
  const Picture picture = to_eight_bits(raw_pattern(9, 8, 3, 8), Normalise::plain);
  Bytes window(12);
  EightBits(raw_pattern(9, 8, 3, 8), Normalise::plain).window_rgb(6, 5, 2, 2, window.data());
  Bytes expected(&picture.pixels[3 * (5 * 9 + 6)], &picture.pixels[3 * (5 * 9 + 8)]);
  expected.insert(expected.end(), &picture.pixels[3 * (6 * 9 + 6)], &picture.pixels[3 * (6 * 9 + 8)]);
  EXPECT_EQ(window, expected);
}

}  // namespace
}  // namespace karyon
