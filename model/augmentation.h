// What training does to its pictures beside flips, drawn anew for every image and epoch.
// Invariant: what happens to an image is a function of (seed, epoch, its place in the data set) and the strength asked
// for; every kind of change has a random stream of its own, so switching one on does not move the others.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/distort.h"

namespace karyon {

/// Everything off, as made. Flips are not among them: they are always on in training.
struct AugmentSettings {
  bool transpose = false;  // rows and columns swapped with probability 1/2; with the flips all symmetries of a square
  float brightness = 0;    // b in 0..1: all channels times 1 + u, u uniform in [-b, b]
  float colour = 0;  // c in 0..1: each channel times 1 + u, u of its own in [-c, c], and all plus 255 v, v in [-c, c]
  float noise = 0;   // standard deviation, in 0..1, of a normal number added to each channel; 1 is the whole range
  float scale = 0;   // s in 0..1: zoomed about the centre by a factor in [1 / (1 + s), 1 + s], even in its logarithm

  [[nodiscard]] bool any() const { return transpose || brightness > 0 || colour > 0 || noise > 0 || scale > 0; }
};

/// Error usage where a strength is out of its range, or where images that are not square are to be transposed.
void check_augmentation(const AugmentSettings& settings, int height, int width);

/// One for each of the first `images` images of the data set. epoch is from 1.
std::vector<Distortion> draw_distortions(const AugmentSettings& settings, std::uint64_t seed, std::uint32_t epoch,
                                         std::size_t images);

}  // namespace karyon
