#include "apps/nuclei/regions.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "apps/cli/csv.h"
#include "kernels/check.h"

namespace karyon {

namespace {

/// Sums over a nucleus's pixels, positions counted from its first pixel so that the squares stay small.
struct Sums {
  int first_x = 0, first_y = 0, left = 0, right = 0, bottom = 0;  // right and bottom: one beyond
  double n = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;

  void add_run(int row, int begin, int end) {
    if (n == 0) {
      first_x = left = begin;
      first_y = row;
      right = end;
    }
    left = std::min(left, begin);
    right = std::max(right, end);
    bottom = row + 1;
    const double length = end - begin, v = row - first_y, middle = 0.5 * (begin + end - 1) - first_x;
    n += length;
    x += length * middle;
    y += length * v;
    xx += length * (middle * middle + (length * length - 1) / 12);  // of consecutive numbers
    xy += length * middle * v;
    yy += length * v * v;
  }
};

/// Calls visit(label, y, begin, end) for each stretch of one label in a row, row by row.
template <typename Visit>
void for_each_run(const LabelImage& image, Visit&& visit) {
  for (int y = 0; y < image.height; ++y) {
    const std::uint32_t* row = image.labels.data() + image.index(0, y);
    for (int begin = 0; begin < image.width;) {
      int end = begin + 1;
      while (end < image.width && row[end] == row[begin]) ++end;
      if (row[begin] != 0) visit(row[begin], y, begin, end);
      begin = end;
    }
  }
}

/// The ellipse whose second moments are the nucleus's: the square roots of the covariance's eigenvalues are a quarter
/// of its axes.
void measure_ellipse(const Sums& sums, Region& region) {
  const double mean_x = sums.x / sums.n, mean_y = sums.y / sums.n;
  const double a = sums.xx / sums.n - mean_x * mean_x, b = sums.xy / sums.n - mean_x * mean_y,
               c = sums.yy / sums.n - mean_y * mean_y;
  const double middle = (a + c) / 2, spread = std::hypot((a - c) / 2, b);
  const double large = middle + spread, small = std::max(middle - spread, 0.0);
  region.major_axis = 4 * std::sqrt(large);
  region.minor_axis = 4 * std::sqrt(small);
  region.eccentricity = large > 0 ? std::sqrt(1 - small / large) : 0;
}

Region region_of(std::uint32_t label, const Sums& sums) {
  Region region;
  region.label = label;
  if (sums.n == 0) return region;
  region.area = static_cast<std::int64_t>(sums.n);
  region.centroid_x = sums.first_x + sums.x / sums.n;
  region.centroid_y = sums.first_y + sums.y / sums.n;
  region.box = {sums.left, sums.first_y, sums.right - sums.left, sums.bottom - sums.first_y};
  measure_ellipse(sums, region);
  return region;
}

std::string number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, ",%.4f", value);
  return text;
}

}  // namespace

std::vector<Region> measure_regions(const LabelImage& image) {
  std::vector<Sums> sums(static_cast<std::size_t>(image.count) + 1);
  for_each_run(image, [&](std::uint32_t label, int y, int begin, int end) { sums.at(label).add_run(y, begin, end); });
  std::vector<Region> regions;
  regions.reserve(image.count);
  for (std::uint32_t label = 1; label <= image.count; ++label) regions.push_back(region_of(label, sums[label]));
  return regions;
}

IntensityMeans::IntensityMeans(const LabelImage& image, int channels)
    : image_(image), channels_(static_cast<std::size_t>(channels)) {
  KARYON_CHECK(channels >= 1 && channels <= kMostIntensities, "1 to 3 channels");
  areas_.resize(static_cast<std::size_t>(image.count) + 1);
  sums_.resize(areas_.size() * channels_);
}

template <typename Sample>
void IntensityMeans::add(std::span<const Sample> samples) {
  const std::size_t pixels = samples.size() / channels_;
  KARYON_CHECK(samples.size() % channels_ == 0 && pixels <= image_.labels.size() - next_,
               "samples of the rows that are left");
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::uint32_t label = image_.labels[next_ + i];
    if (label == 0) continue;
    ++areas_[label];
    for (std::size_t c = 0; c < channels_; ++c) sums_[label * channels_ + c] += samples[i * channels_ + c];
  }
  next_ += pixels;
}

void IntensityMeans::add_rows(std::span<const std::uint8_t> samples) { add(samples); }
void IntensityMeans::add_rows(std::span<const std::uint16_t> samples) { add(samples); }

void IntensityMeans::store(std::vector<Region>& regions) const {
  KARYON_CHECK(next_ == image_.labels.size() && regions.size() + 1 == areas_.size(), "all rows, and all regions");
  for (Region& region : regions) {
    if (region.area == 0) continue;
    for (std::size_t c = 0; c < channels_; ++c) {
      region.mean_intensity[c] =
          static_cast<double>(sums_[region.label * channels_ + c]) / static_cast<double>(areas_[region.label]);
    }
  }
}

std::vector<Region> measure_regions(const LabelImage& image, const RawPicture& picture) {
  std::vector<Region> regions = measure_regions(image);
  IntensityMeans means(image, picture.channels);
  if (picture.bits == 8) {
    means.add_rows(picture.narrow);
  } else {
    means.add_rows(picture.wide);
  }
  means.store(regions);
  return regions;
}

std::string nuclei_csv_header(int channels, double pixel_size) {
  const bool scaled = pixel_size > 0;
  const std::string length = scaled ? "_um" : "", square = scaled ? "_um2" : "";
  std::string text = "id,label,area" + square + ",centroid_x" + length + ",centroid_y" + length +
                     ",bbox_x,bbox_y,bbox_width,bbox_height,eccentricity,major_axis" + length + ",minor_axis" + length;
  for (int c = 0; c < channels; ++c) text += ",mean_intensity" + (channels > 1 ? "_" + std::to_string(c) : "");
  return text + "\n";
}

std::string nuclei_csv_rows(const std::string& id, std::span<const Region> regions, int channels, double pixel_size) {
  const bool scaled = pixel_size > 0;
  const double unit = scaled ? pixel_size : 1;
  const std::string name = csv_field(id);
  std::string text;
  for (const Region& region : regions) {
    if (region.area == 0) continue;
    text += name + "," + std::to_string(region.label);
    text += scaled ? number(static_cast<double>(region.area) * unit * unit) : "," + std::to_string(region.area);
    text += number(region.centroid_x * unit) + number(region.centroid_y * unit);
    for (const int side : {region.box.x, region.box.y, region.box.width, region.box.height}) {
      text += "," + std::to_string(side);
    }
    text += number(region.eccentricity) + number(region.major_axis * unit) + number(region.minor_axis * unit);
    for (int c = 0; c < channels; ++c) text += number(region.mean_intensity.at(static_cast<std::size_t>(c)));
    text += "\n";
  }
  return text;
}

}  // namespace karyon
