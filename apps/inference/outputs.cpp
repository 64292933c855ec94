#include "apps/inference/outputs.h"

#include <algorithm>
#include <limits>

#include "apps/images/png_writer.h"
#include "apps/images/tiff.h"
#include "apps/nuclei/outlines.h"
#include "apps/nuclei/overlay.h"
#include "engine/files.h"

namespace karyon {
namespace {

constexpr std::uint32_t kMostInPng = std::numeric_limits<std::uint16_t>::max();

/// Writes a picture of one channel whose samples are `sample(label or byte)` of `from`.
template <typename Sample, typename From, typename Function>
void write_rows(const std::filesystem::path& path, int width, int height, const std::vector<From>& from,
                Function sample) {
  PngWriter png(path, {width, height, 1, static_cast<int>(8 * sizeof(Sample))});
  std::vector<Sample> row(static_cast<std::size_t>(width));
  auto at = from.begin();
  for (int y = 0; y < height; ++y, at += width) {
    std::transform(at, at + width, row.begin(), sample);
    png.add(row);
  }
  png.finish();
}

}  // namespace

Outputs::Outputs(OutputFolder& folder, const OutputChoice& choice) : choice_(choice) {
  if (choice.masks) masks_ = folder.make_folder("masks");
  if (choice.labels) labels_ = folder.make_folder("labels");
  if (choice.overlays) overlays_ = folder.make_folder("overlays");
  if (choice.probabilities) probabilities_ = folder.make_folder("prob");
  if (choice.geojson) geojson_ = folder.make_folder("geojson");
}

std::filesystem::path Outputs::file(const std::filesystem::path& folder, const std::string& id, const char* extension) {
  return folder / (id + extension);
}

void Outputs::write_probabilities(const std::string& id, const ProbabilityMaps& maps) const {
  if (!choice_.probabilities) return;
  write_rows<std::uint8_t>(file(probabilities_, id, ".png"), maps.width, maps.height, maps.nucleus,
                           [](std::uint8_t p) { return p; });
}

void Outputs::write_nuclei(const std::string& id, const EightBits& picture, const LabelImage& nuclei) const {
  const int width = nuclei.width, height = nuclei.height;
  if (choice_.masks) {
    write_rows<std::uint8_t>(file(masks_, id, ".png"), width, height, nuclei.labels,
                             [](std::uint32_t label) { return static_cast<std::uint8_t>(label != 0 ? 255 : 0); });
  }
  if (choice_.labels && nuclei.count <= kMostInPng) {
    write_rows<std::uint16_t>(file(labels_, id, ".png"), width, height, nuclei.labels,
                              [](std::uint32_t label) { return static_cast<std::uint16_t>(label); });
  } else if (choice_.labels) {
    write_file(file(labels_, id, ".tif"), encode_tiff_labels32(nuclei.labels, width, height));
  }
  if (choice_.overlays) {
    const OverlayRows overlay(picture, nuclei);
    PngWriter png(file(overlays_, id, ".png"), {width, height, 3, 8});
    std::vector<std::uint8_t> row(static_cast<std::size_t>(width) * 3);
    for (int y = 0; y < height; ++y) {
      overlay.row(y, row.data());
      png.add(row);
    }
    png.finish();
  }
  if (choice_.geojson) write_file(file(geojson_, id, ".geojson"), outlines_geojson(trace_outlines(nuclei)));
}

}  // namespace karyon
