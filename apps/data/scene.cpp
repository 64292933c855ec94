#include "apps/data/scene.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace karyon {
namespace {

constexpr float kTau = 2 * std::numbers::pi_v<float>;
constexpr int kMinPixels = 12;

/// An ellipse whose radius waves a little around its rim.
struct Nucleus {
  float x = 0, y = 0;  // centre
  float long_radius = 1, short_radius = 1;
  float cosine = 1, sine = 0;  // of the long axis
  std::array<float, 3> wave{}, phase{};

  /// About the distance to the outline in pixels, negative inside.
  [[nodiscard]] float distance(float px, float py) const {
    const float u = ((px - x) * cosine + (py - y) * sine) / long_radius;
    const float v = ((py - y) * cosine - (px - x) * sine) / short_radius;
    const float rho = std::sqrt(u * u + v * v);
    const float angle = std::atan2(v, u);
    float rim = 1;
    for (std::size_t k = 0; k < wave.size(); ++k)
      rim += wave[k] * std::cos(static_cast<float>(k + 2) * angle + phase[k]);
    return (rho / rim - 1) * std::sqrt(long_radius * short_radius);
  }
};

class Builder {
 public:
  Builder(RandomStream& random, int height, int width) : random_(random) {
    scene_.height = height;
    scene_.width = width;
    scene_.unit = static_cast<float>(std::min(height, width)) / 128;
    scene_.instances.resize(scene_.pixels());
    scene_.outside.assign(scene_.pixels(), scene_.far());
    scene_.edge.assign(scene_.pixels(), scene_.far());
  }

  Scene build() {
    const bool is_empty = random_.uniform() < 1.0F / 30;
    const float cover = random_.uniform(0.06F, 0.36F), touching = random_.uniform(0.1F, 0.6F);
    radius_ = scene_.unit * random_.uniform(4.5F, 10.5F);
    roundness_ = random_.uniform(0.6F, 1.0F);
    spread_ = random_.uniform(0.08F, 0.3F);
    const auto wanted = static_cast<std::size_t>(cover * static_cast<float>(scene_.pixels()));
    for (int attempt = 0; !is_empty && attempt < 300 && covered_ < wanted; ++attempt) {
      Nucleus nucleus = draw_shape();
      if (!placed_.empty() && random_.uniform() < touching) {
        const Nucleus& neighbour = placed_[random_.below(static_cast<std::uint32_t>(placed_.size()))];
        const float angle = random_.uniform(0, kTau);
        const float reach = random_.uniform(0.8F, 1.0F) * (mean_radius(neighbour) + mean_radius(nucleus));
        nucleus.x = neighbour.x + reach * std::cos(angle);
        nucleus.y = neighbour.y + reach * std::sin(angle);
      } else {
        nucleus.x = random_.uniform(0, static_cast<float>(scene_.width));
        nucleus.y = random_.uniform(0, static_cast<float>(scene_.height));
      }
      place(nucleus);
    }
    return std::move(scene_);
  }

 private:
  static float mean_radius(const Nucleus& nucleus) { return std::sqrt(nucleus.long_radius * nucleus.short_radius); }

  Nucleus draw_shape() {
    Nucleus nucleus;
    const float size = radius_ * std::exp(std::clamp(random_.normal(), -2.0F, 2.0F) * spread_);
    const float stretch = std::sqrt(std::clamp(roundness_ + 0.12F * random_.normal(), 0.45F, 1.0F));
    nucleus.long_radius = size / stretch;
    nucleus.short_radius = size * stretch;
    const float angle = random_.uniform(0, kTau);
    nucleus.cosine = std::cos(angle);
    nucleus.sine = std::sin(angle);
    for (std::size_t k = 0; k < nucleus.wave.size(); ++k) {
      nucleus.wave[k] = random_.uniform(0, 0.09F / static_cast<float>(k + 1));
      nucleus.phase[k] = random_.uniform(0, kTau);
    }
    return nucleus;
  }

  /// Takes the pixels that are free; a nucleus too small, or lying to a fifth on others, is not placed.
  void place(const Nucleus& nucleus) {
    const float reach = 1.2F * nucleus.long_radius + scene_.far();
    const int left = std::max(0, static_cast<int>(nucleus.x - reach));
    const int right = std::min(scene_.width - 1, static_cast<int>(nucleus.x + reach));
    const int top = std::max(0, static_cast<int>(nucleus.y - reach));
    const int bottom = std::min(scene_.height - 1, static_cast<int>(nucleus.y + reach));
    distance_.clear();
    int free = 0, taken = 0;
    for (int y = top; y <= bottom; ++y) {
      for (int x = left; x <= right; ++x) {
        const float distance = nucleus.distance(static_cast<float>(x), static_cast<float>(y));
        distance_.push_back(distance);
        if (distance >= 0) continue;
        ++(scene_.instances[at(y, x)] == 0 ? free : taken);
      }
    }
    if (free < kMinPixels || taken * 5 > free + taken) return;
    ++scene_.count;
    placed_.push_back(nucleus);
    covered_ += static_cast<std::size_t>(free);
    auto distance = distance_.begin();
    for (int y = top; y <= bottom; ++y) {
      for (int x = left; x <= right; ++x, ++distance) {
        const std::size_t i = at(y, x);
        if (*distance < 0 && scene_.instances[i] == 0) scene_.instances[i] = static_cast<std::uint16_t>(scene_.count);
        scene_.outside[i] = std::min(scene_.outside[i], *distance);
        scene_.edge[i] = std::min(scene_.edge[i], std::abs(*distance));
      }
    }
  }

  [[nodiscard]] std::size_t at(int y, int x) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(scene_.width) + static_cast<std::size_t>(x);
  }

  RandomStream& random_;
  Scene scene_;
  float radius_ = 0, roundness_ = 1, spread_ = 0;  // what this picture's nuclei have in common
  std::size_t covered_ = 0;
  std::vector<Nucleus> placed_;
  std::vector<float> distance_;
};

/// Grid cell and smooth weight of the next for each of `count` positions.
struct GridSteps {
  std::vector<std::size_t> cell;
  std::vector<float> weight;
  GridSteps(int count, float step) {
    for (int i = 0; i < count; ++i) {
      const float position = static_cast<float>(i) / step;
      const float part = position - std::floor(position);
      cell.push_back(static_cast<std::size_t>(position));
      weight.push_back(part * part * (3 - 2 * part));
    }
  }
};

/// One blurred line of a field: `count` values `stride` apart.
void blur_line(float* line, int count, std::size_t stride, const std::vector<float>& half, std::vector<float>& copy) {
  const int reach = static_cast<int>(half.size()) - 1;
  copy.resize(static_cast<std::size_t>(count + 2 * reach));
  for (int i = -reach; i < count + reach; ++i) {
    copy[static_cast<std::size_t>(i + reach)] = line[static_cast<std::size_t>(std::clamp(i, 0, count - 1)) * stride];
  }
  for (int i = 0; i < count; ++i) {
    const float* centre = &copy[static_cast<std::size_t>(i + reach)];
    float sum = half[0] * centre[0];
    for (int k = 1; k <= reach; ++k) sum += half[static_cast<std::size_t>(k)] * (centre[k] + centre[-k]);
    line[static_cast<std::size_t>(i) * stride] = sum;
  }
}

}  // namespace

Scene make_scene(RandomStream& random, int height, int width) { return Builder(random, height, width).build(); }

Field smooth_noise(RandomStream& random, int height, int width, float cell) {
  const float step = std::max(cell, 1.0F);
  const GridSteps rows(height, step), columns(width, step);
  const std::size_t grid_w = columns.cell.back() + 2, grid_h = rows.cell.back() + 2;
  std::vector<float> grid(grid_w * grid_h);
  for (float& value : grid) value = random.uniform(-1, 1);
  Field field;
  field.reserve(static_cast<std::size_t>(height) * static_cast<std::size_t>(width));
  for (std::size_t y = 0; y < rows.cell.size(); ++y) {
    const float* upper = &grid[rows.cell[y] * grid_w];
    for (std::size_t x = 0; x < columns.cell.size(); ++x) {
      const std::size_t c = columns.cell[x];
      const float above = std::lerp(upper[c], upper[c + 1], columns.weight[x]);
      const float below = std::lerp(upper[grid_w + c], upper[grid_w + c + 1], columns.weight[x]);
      field.push_back(std::lerp(above, below, rows.weight[y]));
    }
  }
  return field;
}

void blur(Field& field, int height, int width, float sigma) {
  if (sigma < 0.3F) return;
  std::vector<float> half(static_cast<std::size_t>(std::ceil(2.5F * sigma)) + 1);
  float sum = 0;
  for (std::size_t k = 0; k < half.size(); ++k) {
    const float offset = static_cast<float>(k) / sigma;
    half[k] = std::exp(-0.5F * offset * offset);
    sum += k == 0 ? half[k] : 2 * half[k];
  }
  for (float& value : half) value /= sum;
  std::vector<float> copy;
  const auto pitch = static_cast<std::size_t>(width);
  for (int y = 0; y < height; ++y) blur_line(&field[static_cast<std::size_t>(y) * pitch], width, 1, half, copy);
  for (int x = 0; x < width; ++x) blur_line(&field[static_cast<std::size_t>(x)], height, pitch, half, copy);
}

}  // namespace karyon
