// The innermost product of the int8 convolutions: six rows of unsigned bytes times up to 64 columns of signed ones.
//   sums[r][o] = bias[o] + sum over segments s, steps t < steps[s] and bytes b < 4 of
//                rows[s][r][4 t + b] * weights[step][o][b]        (int32, exact)
// where `step` counts on through all segments. A row is in segments because its bytes lie at several places of a
// picture: that is a convolution without a column buffer.
// Invariant: integer sums are exact, so every variant gives the same bits.
#pragma once

#include <cstdint>
#include <span>

namespace karyon {

constexpr int kTileRows = 6;
constexpr int kColumnGroup = 16;                // columns come in groups of so many
constexpr int kTileColumns = 4 * kColumnGroup;  // at most in one tile
constexpr int kStepBytes = 4;                   // of a row that are multiplied together

struct TileInt8 {
  const std::uint8_t* const* rows;  // [segments][kTileRows]
  const int* steps;                 // [segments]
  int segments;
  const std::int8_t* weights;  // [steps of all segments][16 * groups][4], aligned to 64 bytes
  const std::int32_t* bias;    // [16 * groups]
  int groups;                  // 1 to 4
  std::int32_t* sums;          // [kTileRows][16 * groups], aligned to 64 bytes
};

struct TileVariant {
  const char* name;
  void (*multiply)(const TileInt8& tile);
};

/// What this machine can run, the fastest first; the last one, in plain C++, runs anywhere.
std::span<const TileVariant> tile_variants();

}  // namespace karyon
