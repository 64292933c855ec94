// nuclei_tool FOLDER: reads the cases that tests/nuclei_check.py wrote, a folder each, and writes beside them what
// apps/nuclei makes of them: planes as float32 without header (.f32), tables as text.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "apps/nuclei/components.h"
#include "apps/nuclei/distance.h"
#include "apps/nuclei/matching.h"
#include "apps/nuclei/outlines.h"
#include "apps/nuclei/regions.h"
#include "apps/nuclei/rle.h"
#include "apps/nuclei/smooth.h"
#include "apps/nuclei/split.h"
#include "apps/nuclei/watershed.h"
#include "engine/files.h"
#include "kernels/check.h"
#include "weights/npy_file.h"

namespace karyon {
namespace {

namespace fs = std::filesystem;

std::vector<std::uint8_t> bytes_of(const NpyArray& array) {
  return std::vector<std::uint8_t>(array.values.begin(), array.values.end());
}

LabelImage labels_of(const NpyArray& array) {
  LabelImage image(static_cast<int>(array.shape.at(1)), static_cast<int>(array.shape.at(0)));
  image.labels.assign(array.values.begin(), array.values.end());
  for (const std::uint32_t label : image.labels) image.count = std::max(image.count, label);
  return image;
}

void write_plane(const fs::path& path, const std::vector<float>& values) {
  write_file(path, std::span(reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(float)));
}

void write_labels(const fs::path& path, const LabelImage& image) {
  write_plane(path, std::vector<float>(image.labels.begin(), image.labels.end()));
}

std::string line_of(std::initializer_list<double> numbers) {
  std::string line;
  char text[40];
  for (const double number : numbers) {
    std::snprintf(text, sizeof text, "%s%.17g", line.empty() ? "" : " ", number);
    line += text;
  }
  return line + "\n";
}

std::string regions_text(const std::vector<Region>& regions) {
  std::string text;
  for (const Region& r : regions) {
    if (r.area == 0) continue;
    text += line_of({static_cast<double>(r.label), static_cast<double>(r.area), r.centroid_y, r.centroid_x,
                     static_cast<double>(r.box.y), static_cast<double>(r.box.x),
                     static_cast<double>(r.box.y + r.box.height), static_cast<double>(r.box.x + r.box.width),
                     r.eccentricity, r.major_axis, r.minor_axis, r.mean_intensity[0], r.mean_intensity[1],
                     r.mean_intensity[2]});
  }
  return text;
}

std::string counts_text(const MatchCounts& c) {
  return line_of({static_cast<double>(c.hits), static_cast<double>(c.false_finds), static_cast<double>(c.missed),
                  c.precision(), c.recall(), c.f1(), c.accuracy()});
}

void write_regions(const fs::path& folder, const LabelImage& image) {
  std::vector<Region> regions = measure_regions(image);
  const std::vector<float> samples = read_npy(folder / "samples.npy").values;
  IntensityMeans means(image, 3);
  means.add_rows(std::vector<std::uint16_t>(samples.begin(), samples.end()));
  means.store(regions);
  write_file(folder / "regions.txt", regions_text(regions));
}

void write_runs(const fs::path& folder, const LabelImage& image) {
  const std::vector<std::string> runs = encode_runs(image);
  write_labels(folder / "decoded.f32", decode_runs(image.width, image.height, runs));
  std::string text;
  for (const std::string& one : runs) text += one + "\n";
  write_file(folder / "runs.txt", text);
}

NucleusScores write_scores(const fs::path& folder, const LabelImage& truth, const LabelImage& predicted) {
  const NucleusScores scores = score_nuclei(truth, predicted);
  std::string text;
  for (const MatchCounts& counts : scores.at) text += counts_text(counts);
  for (const MatchCounts& counts : scores.above) text += counts_text(counts);
  write_file(folder / "scores.txt", text);
  return scores;
}

void write_split(const fs::path& folder, int width, int height) {
  const std::vector<std::uint8_t> foreground = bytes_of(read_npy(folder / "foreground.npy")),
                                  interior = bytes_of(read_npy(folder / "interior.npy"));
  const LabelImage by_interior = split_nuclei(width, height, foreground, interior, {}, 2);
  const LabelImage by_distance = split_nuclei(width, height, foreground, {}, {}, 2);
  write_labels(folder / "by_interior.f32", by_interior);
  write_labels(folder / "by_distance.f32", by_distance);
  write_file(folder / "outlines.geojson", outlines_geojson(trace_outlines(by_distance)));
}

NucleusScores do_case(const fs::path& folder) {
  const NpyArray mask_file = read_npy(folder / "mask.npy");
  const std::vector<std::uint8_t> mask = bytes_of(mask_file);
  const int height = static_cast<int>(mask_file.shape.at(0)), width = static_cast<int>(mask_file.shape.at(1));
  const std::vector<float> landscape = read_npy(folder / "landscape.npy").values;
  const LabelImage markers = labels_of(read_npy(folder / "markers.npy"));
  for (const auto connectivity : {Connectivity::four, Connectivity::eight}) {
    const std::string suffix = connectivity == Connectivity::four ? "1.f32" : "2.f32";
    write_labels(folder / ("components" + suffix), label_components(width, height, mask, connectivity));
    write_labels(folder / ("watershed" + suffix), watershed(landscape, markers, mask, connectivity));
  }
  write_plane(folder / "distance.f32", distance_to_background(width, height, mask));
  std::vector<float> smoothed = landscape;
  smooth(width, height, 1.5F, smoothed);
  write_plane(folder / "smoothed.f32", smoothed);
  const LabelImage truth = labels_of(read_npy(folder / "truth.npy"));
  const LabelImage predicted = labels_of(read_npy(folder / "predicted.npy"));
  write_regions(folder, truth);
  write_runs(folder, truth);
  write_split(folder, width, height);
  return write_scores(folder, truth, predicted);
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) throw Error(Exit::usage, "usage: nuclei_tool FOLDER");
  std::vector<NucleusScores> scores;
  for (const auto& entry : fs::directory_iterator(arguments[0])) scores.push_back(do_case(entry.path()));
  std::string text;
  const TotalNucleusScores total = total_nucleus_scores(scores);
  for (const MatchCounts& counts : total.pooled.at) text += counts_text(counts);
  write_file(fs::path(arguments[0]) / "total.txt", text);
  return 0;
}

}  // namespace
}  // namespace karyon

int main(int argc, char** argv) {
  try {
    return karyon::run({argv + 1, argv + argc});
  } catch (const karyon::Error& error) {
    std::fprintf(stderr, "nuclei_tool: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
