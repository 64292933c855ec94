#include "kernels/product_int8.h"

namespace karyon {

PixelFinder::PixelFinder(std::span<const ConstByteView> inputs, std::span<const std::uint8_t* const> pads,
                         const std::vector<ProductTap>& taps, const ProductGrid& grid)
    : grid_(grid), h_(inputs[0].h), w_(inputs[0].w) {
  for (const ConstByteView& x : inputs) {
    KARYON_CHECK(x.n == grid.n && x.h == h_ && x.w == w_, "the inputs of an int8 product differ in size");
  }
  for (const ProductTap& tap : taps) {
    const ConstByteView& x = inputs[static_cast<std::size_t>(tap.input)];
    const std::ptrdiff_t offset = (std::ptrdiff_t{tap.dy} * w_ + tap.dx) * x.pitch;
    taps_.push_back({x.data, pads[static_cast<std::size_t>(tap.input)], x.pitch, offset, tap.dy, tap.dx});
    least_dy_ = std::min(least_dy_, tap.dy);
    most_dy_ = std::max(most_dy_, tap.dy);
    least_dx_ = std::min(least_dx_, tap.dx);
    most_dx_ = std::max(most_dx_, tap.dx);
  }
  in_a_row_ = taps.size() == 1 && taps[0].dy == 0 && taps[0].dx == 0 && grid.stride == 1 && grid.out_step == 1 &&
              grid.h == h_ && grid.w == w_;
}

inline void PixelFinder::find(int n, int i, int j, const std::uint8_t** to) const {
  const int y0 = i * grid_.stride, x0 = j * grid_.stride;
  const bool inside = y0 + least_dy_ >= 0 && y0 + most_dy_ < h_ && x0 + least_dx_ >= 0 && x0 + most_dx_ < w_;
  const std::int64_t pixel = (std::int64_t{n} * h_ + y0) * w_ + x0;
  for (std::size_t t = 0; t < taps_.size(); ++t, to += kTileRows) {
    const Tap& tap = taps_[t];
    if (inside || (y0 + tap.dy >= 0 && y0 + tap.dy < h_ && x0 + tap.dx >= 0 && x0 + tap.dx < w_)) {
      *to = tap.data + pixel * tap.pitch + tap.offset;
    } else {
      *to = tap.pad;
    }
  }
}

void PixelFinder::find(std::int64_t first, std::int64_t count, std::int64_t last, std::int64_t* pixels,
                       const std::uint8_t** rows) const {
  if (in_a_row_) {
    const Tap& tap = taps_[0];
    for (std::int64_t k = 0; k < count; ++k) {
      pixels[k] = std::min(first + k, last);
      rows[k] = tap.data + pixels[k] * tap.pitch;
    }
    return;
  }
  const auto taps = static_cast<std::int64_t>(taps_.size());
  auto j = static_cast<int>(first % grid_.w), i = static_cast<int>(first / grid_.w % grid_.h),
       n = static_cast<int>(first / grid_.w / grid_.h);
  for (std::int64_t k = 0; k < count; ++k) {
    pixels[k] = (std::int64_t{n} * grid_.out_h + i * grid_.out_step + grid_.out_y) * grid_.out_w + j * grid_.out_step +
                grid_.out_x;
    find(n, i, j, rows + k / kTileRows * kTileRows * taps + k % kTileRows);
    if (first + k >= last || ++j < grid_.w) continue;
    j = 0;
    if (++i < grid_.h) continue;
    i = 0;
    ++n;
  }
}

}  // namespace karyon
