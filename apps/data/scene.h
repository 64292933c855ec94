// Nuclei as shapes: where they lie, before any light falls on them.
// Invariant: instances, outside and edge come from the same outlines, so that masks and pictures agree to the pixel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/random.h"

namespace karyon {

/// One value a pixel, height * width.
using Field = std::vector<float>;

struct Scene {
  int height = 0, width = 0;
  float unit = 1;  // pixels to a length that is 1 in a picture of 128 x 128
  int count = 0;
  std::vector<std::uint16_t> instances;  // 0 background, 1 .. count
  Field outside;  // distance to the nearest nucleus in pixels, negative inside; no more than far() away
  Field edge;     // distance to the nearest outline in pixels, 0 or more

  [[nodiscard]] std::size_t pixels() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  }
  [[nodiscard]] float far() const { return 6 * unit; }
};

/// Nuclei of varied size and shape, some of them touching; one scene in about thirty is empty.
Scene make_scene(RandomStream& random, int height, int width);

/// Noise in about [-1, 1] that varies over `cell` pixels: random values on a grid, blended smoothly.
Field smooth_noise(RandomStream& random, int height, int width, float cell);

/// Gaussian blur in place, the edge repeated outwards. sigma in pixels; below 0.3 nothing changes.
void blur(Field& field, int height, int width, float sigma);

}  // namespace karyon
