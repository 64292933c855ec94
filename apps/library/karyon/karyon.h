// Karyon as a library: finds the cell nuclei of a picture that is in memory. Installed as <karyon/karyon.h>; C++17.
//
//   karyon::Segmenter segmenter;                                           // the model in the box
//   const karyon::Nuclei nuclei = segmenter.segment({pixels, width, height});
//
// Invariant: the same picture, model and settings give the same nuclei as the program infer_unet, pixel for pixel. This
// header needs the standard library alone. Nothing is printed, no signal or locale is touched, and every failure is a
// karyon::Failure.
//
// Threads: a Segmenter is used by one thread at a time; Segmenters of their own may work side by side. Each computes
// with `threads` threads of OpenMP.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace karyon {

/// The one exception of the library; what() names the setting or file, what was expected and what to do. code() is the
/// exit status that infer_unet ends with for the same failure: 2 a setting or picture out of its range, 65 a broken
/// model, 66 no such model, 69 a device that cannot be used, 70 a bug of Karyon's, 71 out of memory, 74 the model
/// cannot be read, 1 anything else.
class Failure : public std::runtime_error {
 public:
  Failure(int code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] int code() const noexcept { return code_; }

 private:
  int code_;
};

/// As infer_unet's flags of these names. What is not set is the model's own.
struct SegmenterSettings {
  std::string model;                // a checkpoint of train_unet; empty: the model in the box
  std::string device = "auto";      // "auto", "cpu", "cuda" or "cuda:N"
  int threads = 0;                  // of the CPU, up to 1024; 0: as many as this process may use
  std::optional<double> scale;      // pixels that the network sees to one of the picture's, above 0 to 16
  bool flips = false;               // the mean over the picture and its mirror images: four times the work
  bool percentile = false;          // the 1st percentile becomes black and the 99.8th white: for dark 16-bit pictures
  std::optional<double> threshold;  // a pixel is nucleus from this probability on, 0 to 1
  std::optional<int> min_area;      // nuclei of fewer pixels are dropped
};

/// Somebody's pixels, row by row from the top, channels interleaved. They are read during segment() and not kept.
struct ImageView {
  const void* pixels = nullptr;
  int width = 0, height = 0;   // together up to 2^31 pixels
  int channels = 1;            // 1 grey, 3 RGB
  int bits = 8;                // of a sample: 8, or 16 in the processor's byte order (any alignment)
  std::size_t row_stride = 0;  // bytes from one row to the next; 0: rows follow each other without a gap
};

/// One nucleus, measured as scikit-image's regionprops does. Lengths in pixels; the first pixel's centre is (0, 0).
struct Nucleus {
  std::uint32_t label = 0;
  std::int64_t area = 0;
  double centroid_x = 0, centroid_y = 0;
  int x = 0, y = 0, width = 0, height = 0;                  // the box around it
  double eccentricity = 0, major_axis = 0, minor_axis = 0;  // of the ellipse with the same second moments
  std::array<double, 3> mean_intensity{};                   // a channel, in the samples' own scale
};

/// What was found, at the picture's own size; planes hold height * width values, row by row from the top.
struct Nuclei {
  int width = 0, height = 0;
  std::uint32_t count = 0;
  std::vector<std::uint32_t> labels;      // 0 background, 1 .. count the nuclei by their first pixel; none overlap
  std::vector<std::uint8_t> probability;  // of nucleus, round(255 p)
  std::vector<Nucleus> regions;           // of label 1 .. count, in that order

  /// 255 where a nucleus is, else 0.
  [[nodiscard]] std::vector<std::uint8_t> mask() const {
    std::vector<std::uint8_t> plane(labels.size());
    std::transform(labels.begin(), labels.end(), plane.begin(),
                   [](std::uint32_t label) { return static_cast<std::uint8_t>(label == 0 ? 0 : 255); });
    return plane;
  }
};

class Segmenter {
 public:
  /// Loads the model and makes the device ready. Failure 2, 65, 66, 69, 71 or 74.
  explicit Segmenter(const SegmenterSettings& settings = {});
  /// What was moved from can only be assigned to or destroyed.
  Segmenter(Segmenter&&) noexcept;
  Segmenter& operator=(Segmenter&&) noexcept;
  ~Segmenter();

  /// A picture of any size. Beside the result it takes a copy of the pixels, and about 300 MB for the network. Failure
  /// 2 for a view that cannot be a picture, naming the field; 71. After a failure the Segmenter can be used again,
  /// unless a CUDA device was lost.
  [[nodiscard]] Nuclei segment(const ImageView& image);

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace karyon
