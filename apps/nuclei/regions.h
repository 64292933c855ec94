// What is measured of each nucleus, and the table of it.
// Invariant: the numbers are those of scikit-image's regionprops (area, centroid, bbox, eccentricity,
// axis_major_length, axis_minor_length, intensity_mean) of the same label image.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/images/raw_picture.h"
#include "apps/nuclei/label_image.h"

namespace karyon {

constexpr int kMostIntensities = 3;

/// Lengths in pixels; a pixel's own position is its column and row, so the first pixel's centroid is (0, 0).
struct Region {
  std::uint32_t label = 0;
  std::int64_t area = 0;
  double centroid_x = 0, centroid_y = 0;
  PixelBox box;
  /// Of the ellipse with the same second moments: 0 a circle, to 1 a line; full lengths of its axes.
  double eccentricity = 0, major_axis = 0, minor_axis = 0;
  std::array<double, kMostIntensities> mean_intensity{};  // a channel, in the samples' own scale
};

/// A region for each label 1..count, in that order; of a label without pixels all is zero. Intensities are left 0.
std::vector<Region> measure_regions(const LabelImage& image);

/// The mean of a picture's samples over each nucleus, from as many rows at a time as are at hand.
class IntensityMeans {
 public:
  /// channels: 1 to kMostIntensities. The label image must outlive this.
  IntensityMeans(const LabelImage& image, int channels);
  /// The next rows: rows * width * channels samples, channels interleaved.
  void add_rows(std::span<const std::uint8_t> samples);
  void add_rows(std::span<const std::uint16_t> samples);
  /// After the last row: fills mean_intensity of measure_regions' result.
  void store(std::vector<Region>& regions) const;

 private:
  template <typename Sample>
  void add(std::span<const Sample> samples);

  const LabelImage& image_;
  std::size_t channels_, next_ = 0;  // next_: the pixel
  std::vector<std::uint64_t> sums_;  // a label and channel
  std::vector<std::uint64_t> areas_;
};

/// The same with the mean intensities of the picture's own samples.
std::vector<Region> measure_regions(const LabelImage& image, const RawPicture& picture);

/// The table's first line. pixel_size: micrometres a pixel, or 0 where it is not known. Columns, in pixels:
///   id,label,area,centroid_x,centroid_y,bbox_x,bbox_y,bbox_width,bbox_height,eccentricity,major_axis,minor_axis,
///   mean_intensity (of more than one channel: mean_intensity_0, mean_intensity_1, ...).
/// With a pixel size: area_um2, centroid_x_um, centroid_y_um, major_axis_um and minor_axis_um stand in their places,
/// lengths multiplied by it and areas by its square; the box stays in pixels, for it says where to cut the picture.
std::string nuclei_csv_header(int channels, double pixel_size);
/// A line for each region that has pixels. id: the picture's.
std::string nuclei_csv_rows(const std::string& id, std::span<const Region> regions, int channels, double pixel_size);

}  // namespace karyon
