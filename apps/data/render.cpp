#include "apps/data/render.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace karyon {
namespace {

using Colour = std::array<float, 3>;

/// Uneven light: a tilted plane and a darker rim, 1 on average or a little less.
Field uneven_light(const Scene& scene, RandomStream& random, float strength) {
  const float tilt_x = random.uniform(-strength, strength), tilt_y = random.uniform(-strength, strength);
  const float vignette = random.uniform(0, strength);
  Field light;
  light.reserve(scene.pixels());
  for (int y = 0; y < scene.height; ++y) {
    const float v = 2 * (static_cast<float>(y) + 0.5F) / static_cast<float>(scene.height) - 1;
    for (int x = 0; x < scene.width; ++x) {
      const float u = 2 * (static_cast<float>(x) + 0.5F) / static_cast<float>(scene.width) - 1;
      light.push_back(std::max(0.1F, 1 + tilt_x * u + tilt_y * v - 0.5F * vignette * (u * u + v * v)));
    }
  }
  return light;
}

/// One value for each nucleus, [0] unused.
Field for_each_nucleus(const Scene& scene, RandomStream& random, float low, float high) {
  Field values(static_cast<std::size_t>(scene.count) + 1);
  for (float& value : values) value = random.uniform(low, high);
  return values;
}

/// About a standard normal, from the four bytes of one number: pixel noise needs many and no tails.
float rough_normal(RandomStream& random) {
  const std::uint32_t bits = random.next_u32();
  const std::uint32_t sum = (bits & 255U) + (bits >> 8U & 255U) + (bits >> 16U & 255U) + (bits >> 24U);
  return (static_cast<float>(sum) - 510.0F) / 147.8F;
}

std::uint8_t to_byte(float value) { return static_cast<std::uint8_t>(std::clamp(value, 0.0F, 255.0F) + 0.5F); }

/// 1 well inside any nucleus, 0 well outside, rising over about a pixel.
float coverage(float outside) { return std::clamp(0.5F - outside, 0.0F, 1.0F); }

float bump(float x) { return std::exp(-x * x); }

}  // namespace

Picture render_fluorescence(const Scene& scene, RandomStream& random) {
  const Field light = uneven_light(scene, random, 0.4F);
  const Field chromatin = smooth_noise(random, scene.height, scene.width, 3 * scene.unit);
  const float signal = random.uniform(45, 210), dark = random.uniform(2, 24);
  const Field brightness = for_each_nucleus(scene, random, 0.45F, 1.0F);
  Field sharp(scene.pixels());
  for (std::size_t i = 0; i < sharp.size(); ++i) {
    const std::uint16_t nucleus = scene.instances[i];
    if (nucleus == 0) continue;
    const float dome = std::min(1.0F, 0.7F + 0.1F * scene.edge[i] / scene.unit);
    sharp[i] = signal * brightness[nucleus] * dome * (1 + 0.18F * chromatin[i]);
  }
  Field haze = sharp;
  blur(haze, scene.height, scene.width, 6 * scene.unit);
  blur(sharp, scene.height, scene.width, random.uniform(0.4F, 1.1F) * scene.unit);
  const float haze_share = random.uniform(0.03F, 0.2F), shot = random.uniform(0.1F, 0.9F),
              read = random.uniform(0.5F, 4);
  // Most cameras are grey; now and then a picture comes in its dye's colour.
  const Colour tint = random.uniform() < 0.2F ? Colour{0.25F, 0.35F, 1.0F} : Colour{1, 1, 1};
  Picture picture(scene.width, scene.height, 3);
  for (std::size_t i = 0; i < scene.pixels(); ++i) {
    const float expected = light[i] * (dark + sharp[i] + haze_share * haze[i]);
    const float seen = expected + (shot * std::sqrt(expected) + read) * rough_normal(random);
    for (std::size_t ch = 0; ch < 3; ++ch) picture.pixels[3 * i + ch] = to_byte(seen * tint[ch]);
  }
  return picture;
}

Picture render_tissue(const Scene& scene, RandomStream& random) {
  // Absorbance of the two dyes in red, green and blue (Ruifrok and Johnston 2001); light falls off as exp(-absorbance).
  constexpr Colour haematoxylin = {0.65F, 0.70F, 0.29F}, eosin = {0.07F, 0.99F, 0.11F};
  const Field light = uneven_light(scene, random, 0.1F);
  const Field coarse = smooth_noise(random, scene.height, scene.width, 24 * scene.unit);
  const Field fibres = smooth_noise(random, scene.height, scene.width, 6 * scene.unit);
  const Field grain = smooth_noise(random, scene.height, scene.width, 2 * scene.unit);
  const float eosin_level = random.uniform(0.15F, 0.5F), gaps = random.uniform(-1.0F, 0.1F);
  const float stain = random.uniform(0.6F, 1.2F), stray = random.uniform(0.03F, 0.2F), rim = random.uniform(0, 0.35F);
  const Field nucleus_stain = for_each_nucleus(scene, random, 0.7F, 1.25F);
  std::array<Field, 3> channels;
  for (Field& channel : channels) channel.resize(scene.pixels());
  for (std::size_t i = 0; i < scene.pixels(); ++i) {
    const float inside = coverage(scene.outside[i]);
    const float tissue = std::clamp(3 * (coarse[i] + 0.4F * fibres[i] - gaps), 0.06F, 1.0F);  // holes let light through
    const float pink = eosin_level * tissue * (1 + 0.35F * fibres[i] + 0.15F * grain[i]) * (1 - 0.5F * inside);
    const float around = stray * tissue * (1 + 0.6F * grain[i]);
    const float level = scene.instances[i] != 0 ? nucleus_stain[scene.instances[i]] : 1.0F;
    const float chromatin = 1 + 0.25F * grain[i] + 0.1F * fibres[i] + rim * bump(scene.edge[i] / (1.2F * scene.unit));
    const float purple = std::lerp(around, stain * level * chromatin, inside);
    for (std::size_t ch = 0; ch < 3; ++ch) {
      channels[ch][i] = 240 * std::exp(-std::max(0.0F, purple) * haematoxylin[ch] - std::max(0.0F, pink) * eosin[ch]);
    }
  }
  const float sigma = random.uniform(0.3F, 0.9F) * scene.unit, noise = random.uniform(1, 5);
  for (Field& channel : channels) blur(channel, scene.height, scene.width, sigma);
  Picture picture(scene.width, scene.height, 3);
  for (std::size_t i = 0; i < scene.pixels(); ++i) {
    for (std::size_t ch = 0; ch < 3; ++ch) {
      picture.pixels[3 * i + ch] = to_byte(light[i] * channels[ch][i] + noise * rough_normal(random));
    }
  }
  return picture;
}

Picture render_bright_field(const Scene& scene, RandomStream& random) {
  const Field light = uneven_light(scene, random, 0.25F);
  const Field ground = smooth_noise(random, scene.height, scene.width, 16 * scene.unit);
  const Field grain = smooth_noise(random, scene.height, scene.width, 2.5F * scene.unit);
  const float level = random.uniform(165, 215), rim = random.uniform(50, 110), halo = random.uniform(5, 30);
  const float body = random.uniform(10, 45), rim_width = random.uniform(0.9F, 1.6F) * scene.unit;
  const Field density = for_each_nucleus(scene, random, 0.7F, 1.2F);
  Field shade(scene.pixels());
  for (std::size_t i = 0; i < shade.size(); ++i) {
    const float outside = scene.outside[i], inside = coverage(outside);
    const float strength = scene.instances[i] != 0 ? density[scene.instances[i]] : 1.0F;
    // The dark line lies just within the outline, the bright halo just beyond it.
    const float line = inside * bump((scene.edge[i] - 0.7F * rim_width) / rim_width);
    const float glow = (1 - inside) * bump((outside - 2 * rim_width) / (1.5F * rim_width));
    shade[i] = level * (1 + 0.03F * ground[i]) - strength * (rim * line + inside * body * (1 + 0.35F * grain[i])) +
               halo * glow;
  }
  blur(shade, scene.height, scene.width, random.uniform(0.3F, 0.8F) * scene.unit);
  const float noise = random.uniform(1, 5);
  // Half of them lightly dyed, the way violet stains show in bright field.
  const Colour tint = random.uniform() < 0.5F ? Colour{0.94F, 0.86F, 1.0F} : Colour{1, 1, 1};
  Picture picture(scene.width, scene.height, 3);
  for (std::size_t i = 0; i < scene.pixels(); ++i) {
    const float seen = light[i] * shade[i] + noise * rough_normal(random);
    for (std::size_t ch = 0; ch < 3; ++ch) picture.pixels[3 * i + ch] = to_byte(seen * tint[ch]);
  }
  return picture;
}

}  // namespace karyon
