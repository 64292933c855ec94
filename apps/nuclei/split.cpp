#include "apps/nuclei/split.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <vector>

#include "apps/data/workers.h"
#include "apps/nuclei/components.h"
#include "apps/nuclei/distance.h"
#include "apps/nuclei/holes.h"
#include "apps/nuclei/peaks.h"
#include "apps/nuclei/smooth.h"
#include "apps/nuclei/watershed.h"
#include "kernels/check.h"

namespace karyon {

namespace {

/// What all parts of a picture share.
struct Scene {
  int width, height;
  std::span<const std::uint8_t> foreground, interior;
  std::uint8_t foreground_level;  // foreground from this value on
  int interior_level;             // seeds from this value on; 256: none
  const SplitSettings& settings;

  [[nodiscard]] bool has_interior() const { return !interior.empty(); }
};

/// One connected part of the foreground, in its box with a margin of one pixel where the picture has one.
struct Part {
  PixelBox box;
  std::vector<std::uint8_t> mask;

  [[nodiscard]] std::size_t area() const { return mask.size() - std::count(mask.begin(), mask.end(), 0); }
};

PixelBox box_of(std::span<const Run> runs, int width, int height) {
  int left = width, right = 0;
  for (const Run& run : runs) {
    left = std::min(left, run.begin);
    right = std::max(right, run.end);
  }
  left = std::max(left - 1, 0);
  right = std::min(right + 1, width);
  const int top = std::max(runs.front().y - 1, 0), bottom = std::min(runs.back().y + 2, height);
  return {left, top, right - left, bottom - top};
}

Part part_of(std::span<const Run> runs, int width, int height) {
  Part part;
  part.box = box_of(runs, width, height);
  const auto w = static_cast<std::size_t>(part.box.width);
  part.mask.resize(w * static_cast<std::size_t>(part.box.height));
  for (const Run& run : runs) {
    const auto row = static_cast<std::size_t>(run.y - part.box.y) * w;
    std::fill_n(&part.mask[row + static_cast<std::size_t>(run.begin - part.box.x)], run.end - run.begin, 1);
  }
  return part;
}

/// The box cut out of a plane of the picture, each value made into another.
template <typename Value, typename Make>
std::vector<Value> cut_out(std::span<const std::uint8_t> plane, int plane_width, const PixelBox& box, Make make) {
  std::vector<Value> cut;
  cut.reserve(static_cast<std::size_t>(box.width) * static_cast<std::size_t>(box.height));
  for (int y = box.y; y < box.y + box.height; ++y) {
    const auto row = static_cast<std::size_t>(y) * static_cast<std::size_t>(plane_width);
    for (int x = box.x; x < box.x + box.width; ++x) cut.push_back(make(plane[row + static_cast<std::size_t>(x)]));
  }
  return cut;
}

void fill_holes_of(const Scene& scene, Part& part) {
  if (scene.settings.fill_holes_below <= 1) return;
  const std::vector<std::uint8_t> foreground =
      cut_out<std::uint8_t>(scene.foreground, scene.width, part.box,
                            [&](std::uint8_t value) { return value >= scene.foreground_level ? 1 : 0; });
  fill_holes(part.box.width, part.box.height, scene.settings.fill_holes_below, foreground, part.mask);
}

/// The connected pixels of high interior probability, without the smallest.
LabelImage interior_seeds(const Scene& scene, const Part& part) {
  std::vector<std::uint8_t> high =
      cut_out<std::uint8_t>(scene.interior, scene.width, part.box,
                            [&](std::uint8_t value) { return int{value} >= scene.interior_level ? 1 : 0; });
  for (std::size_t i = 0; i < high.size(); ++i) high[i] &= part.mask[i];
  LabelImage seeds = label_components(part.box.width, part.box.height, high, Connectivity::four);
  std::vector<int> areas(static_cast<std::size_t>(seeds.count) + 1);
  for (const std::uint32_t label : seeds.labels) ++areas[label];
  for (std::uint32_t& label : seeds.labels) {
    if (areas[label] < scene.settings.min_marker_area) label = 0;
  }
  renumber(seeds);
  return seeds;
}

LabelImage whole(const Part& part) {
  LabelImage image(part.box.width, part.box.height);
  std::copy(part.mask.begin(), part.mask.end(), image.labels.begin());
  image.count = 1;
  return image;
}

LabelImage split_by_interior(const Scene& scene, const Part& part) {
  const LabelImage seeds = interior_seeds(scene, part);
  if (seeds.count <= 1) return whole(part);
  const std::vector<float> landscape = cut_out<float>(
      scene.interior, scene.width, part.box, [](std::uint8_t value) { return static_cast<float>(255 - value); });
  return watershed(landscape, seeds, part.mask, Connectivity::four);
}

LabelImage split_by_distance(const Scene& scene, const Part& part) {
  std::vector<float> heights = distance_to_background(part.box.width, part.box.height, part.mask);
  if (std::isinf(heights.front())) return whole(part);  // all of the picture is foreground
  smooth(part.box.width, part.box.height, scene.settings.distance_smoothing, heights);
  const LabelImage seeds = find_peaks(part.box.width, part.box.height, heights, part.mask, scene.settings.min_depth);
  if (seeds.count <= 1) return whole(part);
  for (float& height : heights) height = -height;
  return watershed(heights, seeds, part.mask, Connectivity::four);
}

/// Writes the part's nuclei that are large enough to the picture's labels, with numbers that no other part has.
void store(const LabelImage& nuclei, const PixelBox& box, int min_area, std::atomic<std::uint32_t>& numbers,
           LabelImage& result) {
  std::vector<std::int64_t> areas(static_cast<std::size_t>(nuclei.count) + 1);
  for (const std::uint32_t label : nuclei.labels) ++areas[label];
  const std::uint32_t first = numbers.fetch_add(nuclei.count, std::memory_order_relaxed);
  for (int y = 0; y < nuclei.height; ++y) {
    for (int x = 0; x < nuclei.width; ++x) {
      const std::uint32_t label = nuclei.labels[nuclei.index(x, y)];
      if (label == 0 || areas[label] < min_area) continue;
      result.labels[result.index(box.x + x, box.y + y)] = first + label;
    }
  }
}

/// The runs of each component behind one another, and where each begins in `runs` (one more entry than components).
struct Grouped {
  std::vector<Run> runs;
  std::vector<std::size_t> begin;

  [[nodiscard]] std::span<const Run> part(std::size_t index) const {
    return std::span(runs).subspan(begin[index], begin[index + 1] - begin[index]);
  }
};

Grouped group(const Components& found) {
  Grouped grouped;
  grouped.begin.resize(static_cast<std::size_t>(found.count) + 1);
  for (const Run& run : found.runs) ++grouped.begin[run.component];
  for (std::size_t i = 1; i < grouped.begin.size(); ++i) grouped.begin[i] += grouped.begin[i - 1];
  grouped.runs.resize(found.runs.size());
  std::vector<std::size_t> next(grouped.begin.begin(), grouped.begin.end());
  for (const Run& run : found.runs) grouped.runs[next[run.component - 1]++] = run;
  return grouped;
}

/// A probability threshold p as the least value round(255 p) that reaches it, or with `above` passes it.
int level_of(float threshold, bool above) {
  const double value = 255.0 * double{threshold};
  return static_cast<int>(above ? std::floor(value) + 1 : std::ceil(value));
}

}  // namespace

void check_split_settings(const SplitSettings& settings) {
  const auto expect = [](bool holds, const std::string& message) {
    if (!holds) throw Error(Exit::usage, message);
  };
  const auto is_probability = [](float p) { return p >= 0 && p <= 1; };
  expect(is_probability(settings.threshold), "the foreground threshold: expected 0 to 1");
  expect(is_probability(settings.marker_threshold), "the marker threshold: expected 0 to 1");
  expect(settings.min_marker_area >= 0, "the least area of a marker: expected 0 or more pixels");
  expect(settings.distance_smoothing >= 0 && settings.distance_smoothing <= 100,
         "the smoothing of the distance: expected 0 to 100 pixels");
  expect(settings.min_depth > 0 && std::isfinite(settings.min_depth),
         "the depth between two nuclei: expected more than 0 pixels");
  expect(settings.fill_holes_below >= 0, "the area of holes: expected 0 or more pixels");
  expect(settings.min_area >= 0, "the least area of a nucleus: expected 0 or more pixels");
}

LabelImage split_nuclei(int width, int height, std::span<const std::uint8_t> foreground,
                        std::span<const std::uint8_t> interior, const SplitSettings& settings, int threads) {
  check_split_settings(settings);
  LabelImage result(width, height);
  KARYON_CHECK(foreground.size() == result.labels.size(), "a foreground plane of height * width");
  KARYON_CHECK(interior.empty() || interior.size() == foreground.size(), "planes of one size");
  const Scene scene{width,
                    height,
                    foreground,
                    interior,
                    static_cast<std::uint8_t>(level_of(settings.threshold, false)),
                    level_of(settings.marker_threshold, true),
                    settings};
  const Grouped parts = group(find_components(width, height, foreground, scene.foreground_level, Connectivity::four));
  const std::size_t count = parts.begin.size() - 1;
  // A thread's start costs as much as some thousand pixels, a turn of the loop as much as a small part.
  constexpr std::size_t kPixelsAThread = 1U << 16U, kPartsATurn = 16;
  const auto useful = static_cast<int>(std::min<std::size_t>(1 + result.labels.size() / kPixelsAThread, 1024));
  std::atomic<std::uint32_t> numbers{0};
  for_each_item((count + kPartsATurn - 1) / kPartsATurn, std::min(threads, useful), {}, [&](std::size_t turn, int) {
    for (std::size_t i = turn * kPartsATurn; i < std::min(count, (turn + 1) * kPartsATurn); ++i) {
      Part part = part_of(parts.part(i), width, height);
      fill_holes_of(scene, part);
      if (part.area() < static_cast<std::size_t>(settings.min_area)) continue;
      store(scene.has_interior() ? split_by_interior(scene, part) : split_by_distance(scene, part), part.box,
            settings.min_area, numbers, result);
    }
  });
  renumber(result);
  return result;
}

}  // namespace karyon
