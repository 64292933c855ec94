// Nuclei as polygons, for programs that work with shapes (QuPath, GeoPandas).
// Invariant: polygons run along the edges of pixels, so they enclose exactly the nucleus's pixels: the outer ring's
// area less that of the holes is their count. No ring touches itself.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/nuclei/label_image.h"

namespace karyon {

/// Corners x, y in pixels from the picture's top left corner (a pixel's own corner, not its centre), the first again at
/// the end, and none amidst a straight edge.
using Ring = std::vector<std::array<int, 2>>;

struct Outline {
  std::uint32_t label = 0;
  std::int64_t area = 0;  // pixels
  /// The outer ring, then those of the holes. As numbers the outer one is counter-clockwise (its shoelace area is
  /// positive) and holes are clockwise, as RFC 7946 wants it; on a screen, where y points down, it looks the other way.
  std::vector<Ring> rings;
};

/// The outline of each label 1..count, in order. Each nucleus must be one 4-connected set of pixels, as split_nuclei
/// makes them.
std::vector<Outline> trace_outlines(const LabelImage& image);

/// A GeoJSON FeatureCollection (RFC 7946) of Polygons in pixels, as QuPath reads it: a feature's properties are
/// objectType "detection", its label and its area in pixels.
std::string outlines_geojson(std::span<const Outline> outlines);

}  // namespace karyon
