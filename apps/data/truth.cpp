#include "apps/data/truth.h"

#include <algorithm>
#include <span>
#include <utility>

#include "apps/nuclei/components.h"
#include "apps/nuclei/label_image.h"
#include "kernels/check.h"

namespace karyon {
namespace {

constexpr std::uint8_t kLargestBackground = 127;  // of a mask's values

/// Width and height must be the image's.
template <typename Raster>
void check_mask_size(const Raster& mask, const std::string& name, const RawPicture& image,
                     const std::string& image_name) {
  if (mask.width == image.width && mask.height == image.height) return;
  throw Error(Exit::bad_data, "the mask " + name + " is " + std::to_string(mask.width) + " x " +
                                  std::to_string(mask.height) + " pixels, its image " + image_name + " is " +
                                  std::to_string(image.width) + " x " + std::to_string(image.height) +
                                  "; they must be of one size");
}

std::string empty_mask(const std::string& name, int largest) {
  return name + " has no pixel over 127 (its largest value is " + std::to_string(largest) + "), so it marks no nucleus";
}

struct Joined {
  std::int64_t overlapping = 0;
  std::uint8_t largest = 0;
};

/// Gives the mask's pixels to `nucleus`. Data sets hold tens of masks an image, nearly all of each empty, so a block is
/// looked at first, by the vector unit.
Joined join_mask(const std::vector<std::uint8_t>& mask, std::uint32_t nucleus, std::vector<std::uint32_t>& nuclei) {
  Joined joined;
  const std::uint8_t* from = mask.data();
  std::uint32_t* to = nuclei.data();
  constexpr std::size_t block = 1U << 10U;
  for (std::size_t begin = 0; begin < nuclei.size(); begin += block) {
    const std::size_t end = std::min(begin + block, nuclei.size());
    std::uint8_t largest = 0;
    for (std::size_t i = begin; i < end; ++i) largest = std::max(largest, from[i]);
    joined.largest = std::max(joined.largest, largest);
    if (largest <= kLargestBackground) continue;
    for (std::size_t i = begin; i < end; ++i) {
      if (from[i] <= kLargestBackground) continue;
      joined.overlapping += to[i] != 0 ? 1 : 0;
      to[i] = nucleus;
    }
  }
  return joined;
}

/// The numbers of a label image, made 1, 2, ...
std::vector<std::uint32_t> numbered_nuclei(LabelRaster raster) {
  LabelImage nuclei;
  nuclei.width = raster.width;
  nuclei.height = raster.height;
  nuclei.labels = std::move(raster.labels);
  renumber(nuclei);
  return std::move(nuclei.labels);
}

/// The connected parts of a mask that holds all nuclei.
std::vector<std::uint32_t> parted_nuclei(Picture mask, const std::string& name, std::vector<std::string>& warnings) {
  const std::uint8_t largest = *std::ranges::max_element(mask.pixels);
  if (largest <= kLargestBackground) warnings.push_back(empty_mask(name, largest));
  for (std::uint8_t& v : mask.pixels) v = v > kLargestBackground ? 1 : 0;
  return label_components(mask.width, mask.height, mask.pixels, Connectivity::eight).labels;
}

}  // namespace

void load_truth(const Source& source, const std::vector<std::string>& masks, const std::string& image_name,
                const PictureLimits& limits, Example& example) {
  if (masks.size() == 1) {
    const std::string name = source.describe(masks[0]);
    const std::vector<std::uint8_t> bytes = source.read(masks[0]);
    if (is_label_image(bytes, name, limits)) {
      LabelRaster raster = decode_labels(bytes, name, limits);
      check_mask_size(raster, name, example.image, image_name);
      example.nuclei = numbered_nuclei(std::move(raster));
    } else {
      Picture mask = decode_grey(bytes, name, limits);
      check_mask_size(mask, name, example.image, image_name);
      example.nuclei = parted_nuclei(std::move(mask), name, example.warnings);
    }
    return;
  }
  std::vector<std::uint32_t> nuclei(example.image.count());
  std::uint32_t nucleus = 0;
  for (const std::string& file : masks) {
    const std::string name = source.describe(file);
    const Picture mask = decode_grey(source.read(file), name, limits);
    check_mask_size(mask, name, example.image, image_name);
    const Joined joined = join_mask(mask.pixels, ++nucleus, nuclei);
    example.overlapping_pixels += joined.overlapping;
    if (joined.largest <= kLargestBackground) example.warnings.push_back(empty_mask(name, joined.largest));
  }
  if (example.overlapping_pixels > 0) {
    example.warnings.push_back(image_name + ": " + std::to_string(example.overlapping_pixels) +
                               " pixels lie in more than one mask");
  }
  example.nuclei = std::move(nuclei);
}

}  // namespace karyon
