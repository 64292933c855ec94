// Products of a picture's pixels, gathered, with a packed kernel: what int8 convolutions and transposed ones have in
// common.
//   sum[n,i,j][o] = bias[o] + sum_{tap,c} x_input(tap)[n, i*stride + dy(tap), j*stride + dx(tap), c] w[tap][c][o]
// for all sites (n, i, j) of a grid; a tap that falls outside its picture reads the picture's pad instead.
// Invariant: there is no column buffer: a tile's rows are pointers to pixels. Inputs are NHWC bytes whose pitch is at
// least their channels rounded up to 4; what lies in the gap is multiplied by zero.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/check.h"
#include "kernels/parallel.h"
#include "kernels/tile_int8.h"
#include "kernels/view.h"

namespace karyon {

using ByteView = View<std::uint8_t>;
using ConstByteView = View<const std::uint8_t>;

/// Channels as they lie in memory for the int8 kernels, which write whole groups.
constexpr int whole_groups(int channels) { return (channels + kColumnGroup - 1) / kColumnGroup * kColumnGroup; }

struct ProductTap {
  int input = 0;  // which picture
  int dy = 0, dx = 0;
};

/// A kernel of signed bytes in the tile's layout.
class PackedProduct {
 public:
  PackedProduct() = default;
  /// channels: of each input; weight(tap, c, o) and bias(o) are asked once each.
  template <class Weight>
  PackedProduct(std::vector<ProductTap> taps, std::span<const int> channels, int columns, const Weight& weight,
                std::vector<std::int32_t> bias)
      : taps_(std::move(taps)), bias_(std::move(bias)) {
    bias_.resize(static_cast<std::size_t>(whole_groups(columns)));
    for (const ProductTap& tap : taps_) {
      steps_.push_back((channels[static_cast<std::size_t>(tap.input)] + kStepBytes - 1) / kStepBytes);
      all_steps_ += steps_.back();
    }
    lines_.resize(static_cast<std::size_t>(all_steps_) * bias_.size() / kColumnGroup);
    std::size_t at = 0;
    for (int first = 0; first < columns; first += block_columns(first)) {
      for (std::size_t tap = 0; tap < taps_.size(); ++tap) {
        const int in = channels[static_cast<std::size_t>(taps_[tap].input)];
        for (int c = 0; c < steps_[tap] * kStepBytes; c += kStepBytes) {
          for (int o = first; o < first + block_columns(first); ++o) {
            for (int b = 0; b < kStepBytes; ++b, ++at) {
              const bool inside = o < columns && c + b < in;
              lines_[at / 64].bytes[at % 64] = inside ? weight(static_cast<int>(tap), c + b, o) : std::int8_t{0};
            }
          }
        }
      }
    }
  }

  [[nodiscard]] const std::vector<ProductTap>& taps() const { return taps_; }
  [[nodiscard]] const std::vector<int>& steps() const { return steps_; }
  /// Whole groups.
  [[nodiscard]] int columns() const { return static_cast<int>(bias_.size()); }
  /// Of the tile that begins at `first`: as even as can be.
  [[nodiscard]] int block_columns(int first) const {
    const int groups = columns() / kColumnGroup, tiles = (groups + 3) / 4, tile_groups = (groups + tiles - 1) / tiles;
    return std::min(tile_groups, groups - first / kColumnGroup) * kColumnGroup;
  }
  [[nodiscard]] const std::int8_t* weights(int first) const {
    return lines_[static_cast<std::size_t>(all_steps_) * static_cast<std::size_t>(first / kColumnGroup)].bytes;
  }
  [[nodiscard]] const std::int32_t* bias() const { return bias_.data(); }

 private:
  struct alignas(64) Line {
    std::int8_t bytes[64];
  };
  std::vector<ProductTap> taps_;
  std::vector<int> steps_;
  int all_steps_ = 0;
  std::vector<Line> lines_;
  std::vector<std::int32_t> bias_;
};

/// The grid of sites and where they are in inputs and output.
struct ProductGrid {
  int n = 0, h = 0, w = 0;
  int stride = 1;                          // of the inputs
  int out_h = 0, out_w = 0;                // of the output
  int out_step = 1, out_y = 0, out_x = 0;  // site (i, j) is output pixel (i * out_step + out_y, j * out_step + out_x)
};

/// Finds the pixels of sites: where all taps are inside by one addition each, and all sites of a 1x1 convolution in a
/// row.
class PixelFinder {
 public:
  PixelFinder(std::span<const ConstByteView> inputs, std::span<const std::uint8_t* const> pads,
              const std::vector<ProductTap>& taps, const ProductGrid& grid);

  /// Sites `first` to first + count - 1, but none behind `last`, for which that one stands again: pixel of the output
  /// of the k-th to pixels[k], and where its tap t's pixel is to rows[k / kTileRows][t][k % kTileRows].
  void find(std::int64_t first, std::int64_t count, std::int64_t last, std::int64_t* pixels,
            const std::uint8_t** rows) const;

 private:
  struct Tap {
    const std::uint8_t *data, *pad;
    std::ptrdiff_t pitch, offset;
    int dy, dx;
  };
  /// Writes where tap t's pixel of site (n, i, j) is to to[t * kTileRows].
  void find(int n, int i, int j, const std::uint8_t** to) const;

  ProductGrid grid_;
  int h_, w_;
  int least_dy_ = 0, most_dy_ = 0, least_dx_ = 0, most_dx_ = 0;
  std::vector<Tap> taps_;
  bool in_a_row_ = false;
};

/// Calls finish(pixels, rows, column, columns, sums) for every tile: sums[r * columns + o] of column + o at the
/// output's pixel pixels[r], for r < rows. All inputs are of one size. pads: what lies outside of each, as many bytes
/// as a pixel has.
template <class Finish>
void for_each_tile(const Stream& stream, std::span<const ConstByteView> inputs,
                   std::span<const std::uint8_t* const> pads, const PackedProduct& product, const ProductGrid& grid,
                   const Finish& finish) {
  constexpr std::int64_t kBand = 64;  // tiles whose pixels stay in cache while one block of columns after another goes
  const std::int64_t sites = std::int64_t{grid.n} * grid.h * grid.w;
  const auto taps = static_cast<std::int64_t>(product.taps().size());
  const auto multiply = tile_variants().front().multiply;
  const PixelFinder finder(inputs, pads, product.taps(), grid);
  parallel_ranges(stream, (sites + kTileRows - 1) / kTileRows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<const std::uint8_t*> rows(static_cast<std::size_t>(kBand * kTileRows * taps));
    std::vector<std::int64_t> pixels(kBand * kTileRows);
    alignas(64) std::int32_t sums[kTileRows * kTileColumns];
    for (std::int64_t band = begin; band < end; band += kBand) {
      const std::int64_t tiles = std::min(kBand, end - band), first_site = band * kTileRows;
      finder.find(first_site, tiles * kTileRows, sites - 1, pixels.data(), rows.data());
      for (int first = 0; first < product.columns(); first += product.block_columns(first)) {
        const int columns = product.block_columns(first);
        for (std::int64_t row = 0; row < tiles * kTileRows; row += kTileRows) {
          multiply({rows.data() + row * taps, product.steps().data(), static_cast<int>(taps), product.weights(first),
                    product.bias() + first, columns / kColumnGroup, sums});
          const auto left = static_cast<int>(std::min<std::int64_t>(kTileRows, sites - first_site - row));
          finish(pixels.data() + row, left, first, columns, sums);
        }
      }
    }
  });
}

}  // namespace karyon
