#include "apps/data/crops.h"

#include <algorithm>
#include <vector>

#include "apps/images/reflect.h"
#include "engine/random.h"
#include "kernels/check.h"

namespace karyon {
namespace {

void cut(TrainingSet& set, std::size_t index, int top, int left) {
  const Original& original = set.originals[index];
  const Picture& image = original.image;
  const std::size_t pixels = static_cast<std::size_t>(set.height) * static_cast<std::size_t>(set.width);
  std::uint8_t* rgb = &set.images[index * pixels * 3];
  std::uint8_t* label = &set.labels[index * pixels];
  for (int y = 0; y < set.height; ++y) {
    const std::size_t begin = reflected(top + y, image.height) * static_cast<std::size_t>(image.width);
    for (int x = 0; x < set.width; ++x) {
      const std::size_t from = begin + reflected(left + x, image.width);
      rgb = std::copy_n(&image.pixels[3 * from], 3, rgb);
      *label++ = original.labels[from];
    }
  }
}

/// The first row or column of the middle.
int middle(int size, int crop) { return size >= crop ? (size - crop) / 2 : -((crop - size) / 2); }

int anywhere(RandomStream& random, int size, int crop) {
  if (size <= crop) return middle(size, crop);
  return static_cast<int>(random.below(static_cast<std::uint32_t>(size - crop + 1)));
}

}  // namespace

void draw_crops(TrainingSet& set, std::span<const std::int32_t> indices, std::uint64_t seed, std::uint32_t epoch) {
  KARYON_CHECK(set.originals.size() == set.size(), "a set that keeps its originals");
  for (const std::int32_t i : indices) {
    const auto index = static_cast<std::size_t>(i);
    // An epoch's streams lie apart from the next one's by the number of examples.
    RandomStream random(seed, Purpose::crop,
                        epoch * static_cast<std::uint32_t>(set.size()) + static_cast<std::uint32_t>(i));
    const Picture& image = set.originals[index].image;
    const int top = anywhere(random, image.height, set.height);
    cut(set, index, top, anywhere(random, image.width, set.width));
  }
}

void cut_middle(TrainingSet& set, std::size_t index) {
  const Picture& image = set.originals[index].image;
  cut(set, index, middle(image.height, set.height), middle(image.width, set.width));
}

}  // namespace karyon
