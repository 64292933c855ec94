#include "model/augmentation.h"

#include <cmath>
#include <string>

#include "engine/random.h"
#include "kernels/check.h"

namespace karyon {

namespace {

void check_strength(const char* name, float strength) {
  if (strength >= 0 && strength <= 1) return;  // and no NaN
  throw Error(Exit::usage, "augmentation by " + std::string(name) + ": expected a number from 0 to 1, got " +
                               std::to_string(strength));
}

/// 65536 / zoom.
std::int32_t step_of(float scale, float position) {
  const double zoom = std::pow(1.0 + static_cast<double>(scale), static_cast<double>(position));
  return static_cast<std::int32_t>(std::lround(kWholeStep / zoom));
}

}  // namespace

void check_augmentation(const AugmentSettings& settings, int height, int width) {
  check_strength("brightness", settings.brightness);
  check_strength("colour", settings.colour);
  check_strength("noise", settings.noise);
  check_strength("scale", settings.scale);
  if (settings.transpose && height != width) {
    throw Error(Exit::usage, "augmentation by transposing needs square images, and these are " +
                                 std::to_string(height) + " high and " + std::to_string(width) +
                                 " wide; leave it out, or resize to a square");
  }
}

std::vector<Distortion> draw_distortions(const AugmentSettings& settings, std::uint64_t seed, std::uint32_t epoch,
                                         std::size_t images) {
  RandomStream transpose(seed, Purpose::transpose, epoch), brightness(seed, Purpose::brightness, epoch),
      colour(seed, Purpose::colour, epoch), noise(seed, Purpose::noise, epoch), scale(seed, Purpose::scale, epoch);
  std::vector<Distortion> distortions(images);
  for (Distortion& d : distortions) {
    if (settings.transpose) d.transposed = static_cast<std::int32_t>(transpose.below(2));
    if (settings.scale > 0) d.step = step_of(settings.scale, scale.uniform(-1, 1));
    const float bright = 1.0F + settings.brightness * brightness.uniform(-1, 1);
    for (float& gain : d.gain) gain = bright * (1.0F + settings.colour * colour.uniform(-1, 1));
    d.shift = 255.0F * settings.colour * colour.uniform(-1, 1);
    d.noise = 255.0F * settings.noise;
    for (std::uint32_t& word : d.key) word = noise.next_u32();
  }
  return distortions;
}

}  // namespace karyon
