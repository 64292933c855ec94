#include "apps/images/intensity.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "apps/images/reflect.h"
#include "kernels/check.h"

namespace karyon {
namespace {

/// How many samples have each value.
std::vector<std::uint64_t> histogram(const RawPicture& raw) {
  std::vector<std::uint64_t> counts(std::size_t{1} << raw.bits);
  for (const std::uint8_t value : raw.narrow) ++counts[value];
  for (const std::uint16_t value : raw.wide) ++counts[value];
  return counts;
}

/// The sample of this rank, from 0, were they sorted.
double value_at(const std::vector<std::uint64_t>& counts, std::uint64_t rank) {
  std::size_t value = 0;
  for (std::uint64_t below = counts[0]; below <= rank; below += counts[value]) ++value;
  return static_cast<double>(value);
}

double percentile_of(const std::vector<std::uint64_t>& counts, std::size_t samples, double percent) {
  KARYON_CHECK(samples > 0 && percent >= 0 && percent <= 100, "a share of at least one sample");
  const double rank = percent / 100 * static_cast<double>(samples - 1);
  const auto below = static_cast<std::uint64_t>(rank);
  const double low = value_at(counts, below);
  const double high = value_at(counts, std::min<std::uint64_t>(below + 1, samples - 1));
  return low + (high - low) * (rank - static_cast<double>(below));
}

/// What each value becomes.
std::vector<std::uint8_t> table_of(const RawPicture& raw, Normalise how) {
  std::vector<std::uint8_t> table(std::size_t{1} << raw.bits);
  if (how == Normalise::plain) {
    for (std::size_t v = 0; v < table.size(); ++v) table[v] = static_cast<std::uint8_t>(v >> (raw.bits - 8));
    return table;
  }
  const std::vector<std::uint64_t> counts = histogram(raw);
  const double low = percentile_of(counts, raw.samples(), 1), high = percentile_of(counts, raw.samples(), 99.8);
  for (std::size_t v = 0; v < table.size(); ++v) {
    const double above = static_cast<double>(v) - low;
    const double share = high > low ? above / (high - low) : static_cast<double>(above > 0);
    table[v] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(share, 0.0, 1.0)));
  }
  return table;
}

}  // namespace

double percentile(const RawPicture& raw, double percent) {
  return percentile_of(histogram(raw), raw.samples(), percent);
}

Picture to_eight_bits(RawPicture raw, Normalise how) {
  Picture picture;
  picture.width = raw.width;
  picture.height = raw.height;
  picture.channels = raw.channels;
  if (raw.bits == 8 && how == Normalise::plain) {
    picture.pixels = std::move(raw.narrow);
    return picture;
  }
  const std::vector<std::uint8_t> table = table_of(raw, how);
  picture.pixels.resize(raw.samples());
  if (raw.bits == 8) {
    std::ranges::transform(raw.narrow, picture.pixels.begin(), [&table](std::uint8_t v) { return table[v]; });
  } else {
    std::ranges::transform(raw.wide, picture.pixels.begin(), [&table](std::uint16_t v) { return table[v]; });
  }
  return picture;
}

EightBits::EightBits(RawPicture raw, Normalise how) : raw_(std::move(raw)), table_(table_of(raw_, how)) {
  KARYON_CHECK(raw_.channels == 1 || raw_.channels == 3, "grey or RGB");
}

void EightBits::window_rgb(int x, int y, int w, int h, std::uint8_t* to) const {
  const auto channels = static_cast<std::size_t>(raw_.channels);
  std::vector<std::size_t> columns(static_cast<std::size_t>(w));  // as samples within a row
  for (int u = 0; u < w; ++u) columns[static_cast<std::size_t>(u)] = reflected(x + u, raw_.width) * channels;
  const auto copy_row = [&](const auto* from) {
    for (const std::size_t column : columns) {
      for (std::size_t ch = 0; ch < 3; ++ch) *to++ = table_[from[column + std::min(ch, channels - 1)]];
    }
  };
  for (int v = 0; v < h; ++v) {
    const std::size_t row = reflected(y + v, raw_.height) * static_cast<std::size_t>(raw_.width) * channels;
    if (raw_.bits == 8) {
      copy_row(&raw_.narrow[row]);
    } else {
      copy_row(&raw_.wide[row]);
    }
  }
}

Picture EightBits::rgb() const {
  Picture picture(raw_.width, raw_.height, 3);
  window_rgb(0, 0, raw_.width, raw_.height, picture.pixels.data());
  return picture;
}

}  // namespace karyon
