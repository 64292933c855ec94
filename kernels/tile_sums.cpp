#include "kernels/tile_sums.h"

#include <algorithm>

#include "kernels/instruction_set.h"

namespace karyon {

namespace {

/// The pixels of one sum and their signs, for the first of a run of tiles.
struct Sources {
  int count = 0;
  const float* pixel[4] = {};
  float sign[4] = {};
};

/// The sum of `count` pixels in L's width, at element `at` of each.
template <int count, class L>
KARYON_INLINE void sum_at(const float* const* pixel, const float* sign, std::ptrdiff_t at, float* out) {
  typename L::Vec sum = sign[0] * KARYON_AT(L, pixel[0] + at);
  if constexpr (count > 1) sum += sign[1] * KARYON_AT(L, pixel[1] + at);
  if constexpr (count > 2) {
    sum += sign[2] * KARYON_AT(L, pixel[2] + at) + sign[3] * KARYON_AT(L, pixel[3] + at);
  }
  KARYON_AT(L, out) = sum;
}

template <class L, int count>
KARYON_INLINE void sum_tiles_of(const Sources& s, std::ptrdiff_t step, int tiles, int channels, float* out,
                                const TileLayout& layout) {
  // Copies that no store through `out` can change.
  const float *pixel[count], sign[4] = {s.sign[0], s.sign[1], s.sign[2], s.sign[3]};
  for (int k = 0; k < count; ++k) pixel[k] = s.pixel[k];
  const std::ptrdiff_t tile_pitch = layout.tile, panel_pitch = layout.panel;
  const int whole = channels / kPanel, rest = channels % kPanel;
  for (int t = 0; t < tiles; ++t, out += tile_pitch) {
    float* line = out;
    for (int p = 0; p < whole; ++p, line += panel_pitch) {
      for (int k = 0; k < kPanel; k += L::kCount) sum_at<count, L>(pixel, sign, p * kPanel + k, line + k);
    }
    if (rest > 0) {
      for (int k = 0; k < rest; ++k) sum_at<count, Lanes1>(pixel, sign, whole * kPanel + k, line + k);
      std::fill(line + rest, line + kPanel, 0.0F);
    }
    for (int k = 0; k < count; ++k) pixel[k] += step;
  }
}

/// count 1, 2 or 4; step: floats from one tile's pixels to the next one's.
template <class L>
KARYON_INLINE void sum_tiles_with(const Sources& s, std::ptrdiff_t step, int tiles, int channels, float* out,
                                  const TileLayout& layout) {
  if (s.count == 1) return sum_tiles_of<L, 1>(s, step, tiles, channels, out, layout);
  if (s.count == 2) return sum_tiles_of<L, 2>(s, step, tiles, channels, out, layout);
  sum_tiles_of<L, 4>(s, step, tiles, channels, out, layout);
}
KARYON_VERSIONS(sum_tiles,
                (const Sources& s, std::ptrdiff_t step, int tiles, int channels, float* out, const TileLayout& layout),
                (s, step, tiles, channels, out, layout))

void clear_tiles(int tiles, std::int64_t panels, float* out, const TileLayout& layout) {
  for (int t = 0; t < tiles; ++t) {
    for (std::int64_t p = 0; p < panels; ++p) std::fill_n(out + t * layout.tile + p * layout.panel, kPanel, 0.0F);
  }
}

}  // namespace

void tile_sums(const ConstFloatView& x, int n, int row, const AxisSum& down, const AxisSum& across, int step, int tiles,
               std::int64_t panel_begin, std::int64_t panel_end, float* out, const TileLayout& layout) {
  const int channel = static_cast<int>(panel_begin) * kPanel;
  const int channels = std::min(x.c, static_cast<int>(panel_end) * kPanel) - channel;
  const auto inside = [](int at, int size) { return at >= 0 && at < size; };
  const auto valid = [&](int tile, int k) { return inside(tile * step + across.offset[k], x.w); };
  for (int t = 0; t < tiles;) {
    // A run of tiles for which the same pixels lie inside.
    int run = 1;
    const bool first = valid(t, 0), second = across.count > 1 && valid(t, 1);
    while (t + run < tiles && valid(t + run, 0) == first && (across.count > 1 && valid(t + run, 1)) == second) ++run;
    Sources s;
    for (int a = 0; a < down.count; ++a) {
      if (!inside(row + down.offset[a], x.h)) continue;
      for (int b = 0; b < across.count; ++b) {
        if (b == 0 ? !first : !second) continue;
        s.pixel[s.count] = x.at(n, row + down.offset[a], t * step + across.offset[b]) + channel;
        s.sign[s.count++] = down.sign[a] * across.sign[b];
      }
    }
    float* line = out + t * layout.tile;
    if (s.count == 0) {
      clear_tiles(run, panel_end - panel_begin, line, layout);
    } else {
      sum_tiles(s, step * x.pitch, run, channels, line, layout);
    }
    t += run;
  }
}

}  // namespace karyon
